from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

from gateway.models.base import Answer, Given, HeaderSafe, Id, LocationId
from gateway.models.connections import Address


def _begins_with(mark: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(mark):
            raise ValueError(f"It begins with {mark}")
        return value

    return AfterValidator(check)


ConsumerKey = Annotated[SecretStr, Field(max_length=200), HeaderSafe, _begins_with("ck_")]
ConsumerSecret = Annotated[SecretStr, Field(max_length=200), HeaderSafe, _begins_with("cs_")]


class ApprovalQuery(Given):
    store_url: Address
    location_id: LocationId | None = None
    """The Prokip location whose stock the store sells; the one of the Prokip settings when left out."""


class WayToWooCommerce(Answer):
    authorize_url: str
    """The store's approval page, for browsers that follow an address instead of a redirect."""


class WooCommerceKeys(Given):
    """What WooCommerce posts after a yes; what a plugin adds to it is left alone.

    https://woocommerce.github.io/woocommerce-rest-api-docs/#rest-api-keys
    """

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True)

    key_id: Id
    user_id: Annotated[str, Field(min_length=1, max_length=200)]
    """As we gave it."""
    consumer_key: ConsumerKey
    consumer_secret: ConsumerSecret
    key_permissions: Literal["read_write"]
