from typing import Annotated, Literal

from pydantic import Field, RootModel, SecretStr

from gateway.models.base import Answer, Given, HeaderSafe, LocationId, PageQuery, Quantity, ShortText, Time, WrittenId
from prokip_shared.messages import ConnectionHealth, Platform

Address = Annotated[str, Field(min_length=1, max_length=500)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=500), HeaderSafe]
Choice = Literal["pull", "push"]
PlaceId = Annotated[str, WrittenId, Field(pattern=r"^(gid://shopify/Location/)?[0-9]{1,20}$")]


class ConnectWooCommerce(Given):
    store_url: Address
    consumer_key: Secret
    consumer_secret: Secret
    location_id: LocationId | None = None
    """The Prokip location whose stock the store sells; the one of the Prokip settings when left out."""
    choice: Choice | None = None


class ConnectShopify(Given):
    shop: Address
    access_token: Secret
    api_secret: Secret
    """Signs the shop's webhooks."""
    place_id: PlaceId | None = None
    """The Shopify location that is written; needed where the shop has several."""
    location_id: LocationId | None = None
    choice: Choice | None = None


class ConnectCustom(Given):
    name: ShortText
    notify_url: Address | None = None
    """New quantities are posted here, signed like the store's own calls."""
    location_id: LocationId | None = None


class ConsentQuery(Given):
    shop: Address
    location_id: LocationId | None = None
    """The Prokip location whose stock the shop sells; the one of the Prokip settings when left out."""


class WayToShopify(Answer):
    authorize_url: str
    """Shopify's consent page, for browsers that follow an address instead of a redirect."""


class Place(Answer):
    id: str
    name: str


class WaitingInstall(Answer):
    """A shop that let us in and has several locations: one of them is to be chosen."""

    shop: str
    places: list[Place]


class ChoosePlace(Given):
    place_id: PlaceId


class Connection(Answer):
    id: int
    platform: Platform
    store_url: str
    store_name: str
    store_key: str
    status: Literal["connected", "paused", "needs_reauthorisation", "disconnected"]
    health: ConnectionHealth
    health_since: Time | None
    health_detail: str
    sync_enabled: bool
    location_id: str
    place_id: str | None
    choice: Choice | None
    last_sync: Time | None
    """When the store last confirmed a quantity."""
    connected_at: Time


class Connected(Answer):
    message: str
    id: int
    connection: Connection


class ConnectedCustom(Connected):
    store_key: str
    secret: str
    """Shown this once."""
    curl: str
    """A sale as the store would tell it, ready to paste."""


class Disconnected(Answer):
    message: str
    webhooks_removed: bool
    detail: str


class ConnectionsQuery(Given):
    status: Literal["live", "all"] = "live"


class ChangeConnection(Given):
    sync_enabled: bool | None = None
    choice: Choice | None = None
    location_id: LocationId | None = None


class DueListings(Answer):
    """How far one store is behind."""

    connection_id: int
    due: int
    """Listings that wait to be written or looked at."""
    oldest_due_at: Time | None


ListingState = Literal[
    "matched", "no_sku", "duplicate_sku", "held_by_parent", "not_tracked", "inactive", "gone", "ignored"
]


class ListingsQuery(PageQuery):
    search: Annotated[str, Field(max_length=255)] = ""
    state: ListingState | None = None


class Listing(Answer):
    """One sellable variant of the store and what is known of its quantity there."""

    id: int
    sku: str | None
    name: str
    """The store's own numbers for it."""
    state: ListingState
    """Only `matched` ones are written to."""
    target: Quantity | None
    """What it should show; None while Prokip has told no quantity."""
    confirmed: Quantity | None
    """What the store is believed to show."""
    confirmed_at: Time | None
    detail: str


class LegacyConnection(Answer):
    """A row of `GET /connections` with both generations of names."""

    id: int
    platform: Platform
    store_url: str
    last_sync: Time | None
    store_name: str
    status: str
    sync_enabled: bool
    location_id: str
    choice: Choice | None
    store_name_snake: Annotated[str, Field(alias="store_name")]
    last_sync_snake: Annotated[Time | None, Field(alias="last_sync")]
    sync_enabled_snake: Annotated[bool, Field(alias="sync_enabled")]
    location_id_snake: Annotated[str, Field(alias="location_id")]


class LegacyConnections(RootModel[list[LegacyConnection]]):
    """A bare array, as it always was."""
