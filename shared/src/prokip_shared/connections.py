"""Connected stores and Prokip accounts as values; `directory` reads them, domain code may hold them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter

from prokip_shared.messages import Platform


class _Credentials(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ShopifyCredentials(_Credentials):
    platform: Literal["shopify"] = "shopify"
    access_token: SecretStr
    api_secret: SecretStr
    """Signs the shop's webhooks."""
    refresh_token: SecretStr | None = None
    """Only for tokens that expire; the gateway exchanges both before `expires_at`."""
    expires_at: AwareDatetime | None = None


class WooCredentials(_Credentials):
    platform: Literal["woocommerce"] = "woocommerce"
    consumer_key: SecretStr
    consumer_secret: SecretStr
    webhook_secret: SecretStr


class CustomCredentials(_Credentials):
    platform: Literal["custom"] = "custom"
    webhook_secret: SecretStr
    notify_url: str | None = None
    """Where new quantities are posted, signed with the same secret."""


Credentials: TypeAlias = ShopifyCredentials | WooCredentials | CustomCredentials
CREDENTIALS: Final[TypeAdapter[Credentials]] = TypeAdapter(Annotated[Credentials, Field(discriminator="platform")])


@dataclass(frozen=True, slots=True)
class ConnectionRecord:
    id: int
    business_id: int
    platform: Platform
    store_key: str
    store_url: str
    store_name: str
    location_id: str
    place_ref: str | None
    sync_enabled: bool
    status: Literal["connected", "needs_reauthorisation"]
    connected_at: datetime
    credentials: Credentials = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProkipAccount:
    business_id: int
    dialect: Literal["simple"]
    api_url: str
    location_id: str
    token: SecretStr
    interval_s: int
