"""Connected stores and Prokip accounts as values; `directory` reads them, domain code may hold them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter
from typing_extensions import override

from prokip_shared.messages import Platform


class _Credentials(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _SignedCredentials(_Credentials):
    """Webhooks are signed with a secret that may rotate: the one before it stays valid for a while."""

    previous_secret: SecretStr | None = None
    previous_until: AwareDatetime | None = None
    """When `previous_secret` ends; set with it."""

    @property
    def active_secret(self) -> SecretStr:
        """What webhooks are signed with from now on."""
        raise NotImplementedError

    def valid_secrets(self, now: datetime) -> tuple[str, ...]:
        """What may have signed a webhook that arrives at `now`, the active one first."""
        active = self.active_secret.get_secret_value()
        if self.previous_secret is None or self.previous_until is None or now >= self.previous_until:
            return (active,)
        return active, self.previous_secret.get_secret_value()


class ShopifyCredentials(_SignedCredentials):
    platform: Literal["shopify"] = "shopify"
    access_token: SecretStr
    api_secret: SecretStr
    """Signs the shop's webhooks."""
    client_id: str | None = None
    """Of an app of the merchant's own: with it and `api_secret` the gateway asks for the next token."""
    refresh_token: SecretStr | None = None
    """Of a grant on Shopify's page; the gateway exchanges both tokens before `expires_at`."""
    expires_at: AwareDatetime | None = None

    @property
    @override
    def active_secret(self) -> SecretStr:
        return self.api_secret


class WooCredentials(_SignedCredentials):
    platform: Literal["woocommerce"] = "woocommerce"
    consumer_key: SecretStr
    consumer_secret: SecretStr
    webhook_secret: SecretStr

    @property
    @override
    def active_secret(self) -> SecretStr:
        return self.webhook_secret


class CustomCredentials(_SignedCredentials):
    platform: Literal["custom"] = "custom"
    webhook_secret: SecretStr
    notify_url: str | None = None
    """Where new quantities are posted, signed with the same secret."""

    @property
    @override
    def active_secret(self) -> SecretStr:
        return self.webhook_secret


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


class SimpleCredentials(_Credentials):
    dialect: Literal["simple"] = "simple"
    token: SecretStr


class ConnectorCredentials(_Credentials):
    dialect: Literal["connector"] = "connector"
    client_id: str
    client_secret: SecretStr
    username: str
    """The login name, not the e-mail address."""
    password: SecretStr


ProkipCredentials: TypeAlias = SimpleCredentials | ConnectorCredentials


@dataclass(frozen=True, slots=True)
class ProkipAccount:
    business_id: int
    version: int
    """Rises with every change of the settings, so that what was learnt under older ones can be told apart."""
    api_url: str
    location_id: str
    interval_s: int
    contact_id: int | None
    """The customer to whom sales are written; None in the simple dialect."""
    timezone: str | None
    """The business's own, an IANA name; None in the simple dialect."""
    credentials: ProkipCredentials = field(repr=False)
