from typing import Annotated

from pydantic import Field

from gateway.models.base import Given, LocationId
from gateway.models.connections import Address, Choice, PlaceId, Secret


class ConnectShopifyApp(Given):
    shop: Address
    client_id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
    client_secret: Secret
    """Also signs the shop's webhooks."""
    place_id: PlaceId | None = None
    """The Shopify location that is written; needed where the shop has several."""
    location_id: LocationId | None = None
    choice: Choice | None = None
