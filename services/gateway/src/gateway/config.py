from typing import Annotated

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from prokip_shared.settings import HttpUrl, OutwardSettings

JWT_SECRET_CHARS_MIN = 32


class GatewaySettings(OutwardSettings):
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    jwt_secret: Annotated[SecretStr, Field(min_length=JWT_SECRET_CHARS_MIN)]
    """Signs the operators' sessions; changing it signs everybody out."""
    session_ttl_s: Annotated[int, Field(ge=60, le=30 * 86400)] = 12 * 3600
    registration_open: bool = True
    """False: nobody can create a user; those who exist still sign in."""
    behind_https: bool = False
    """True: browsers reach us by https only, so cookies are marked Secure and HSTS is sent."""
    proxies_trusted: Annotated[int, Field(ge=0, le=10)] = 0
    """Reverse proxies in front of us that append to X-Forwarded-For; 0 believes the TCP peer alone."""
    bcrypt_rounds: Annotated[int, Field(ge=4, le=16)] = 12
    passwords_checked_at_once_max: Annotated[int, Field(ge=1, le=64)] = 2
    passwords_waiting_max: Annotated[int, Field(ge=1, le=10_000)] = 64
    login_failures_max: Annotated[int, Field(ge=1, le=1000)] = 10
    """Per user name and address within one window; after them even the right password waits."""
    registrations_max: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Per address within one window."""
    login_window_s: Annotated[int, Field(ge=1, le=86400)] = 300

    public_webhook_url: HttpUrl
    """Where stores reach webhook-ingest; written into the webhooks that are created there."""
    shopify_client_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Of the Shopify app whose consent page shops are connected by; without it they are connected by a pasted token."""
    shopify_client_secret: Annotated[SecretStr | None, Field(validate_default=True)] = None
    shopify_client_secret_previous: SecretStr | None = None
    """While the app's secret is rotated: the older one, until it is revoked at Shopify and a day has passed."""
    public_url: Annotated[HttpUrl | None, Field(validate_default=True)] = None
    """Where browsers and stores reach this gateway: Shopify's consent page and WooCommerce's approval page lead back to
    it, and a WooCommerce store posts its keys there."""
    shopify_url_template: Annotated[str, Field(pattern=r"^https?://.*\{shop\}.*$")] = "https://{shop}"
    store_timeout_s: Annotated[float, Field(gt=0, le=120)] = 15.0

    inventory_url: HttpUrl = "http://127.0.0.1:8002"
    store_push_url: HttpUrl = "http://127.0.0.1:8003"
    prokip_poller_url: HttpUrl = "http://127.0.0.1:8004"
    ingest_url: HttpUrl = "http://127.0.0.1:8001"
    upstream_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0

    sync_timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    """How long POST /sync/manual waits for its round."""
    rounds_running_max: Annotated[int, Field(ge=1, le=100)] = 5
    """Per business; a further request is refused until one of them is over."""
    live_events_kept_max: Annotated[int, Field(ge=10, le=1_000_000)] = 5000
    """Per business; older ones are deleted, a reader that wants them is told of the gap."""
    live_clients_max: Annotated[int, Field(ge=1, le=100_000)] = 500
    live_heartbeat_s: Annotated[float, Field(gt=0, le=300)] = 15.0
    live_send_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """A client that does not take an event for so long is dropped; it resumes where it was."""

    @field_validator("shopify_client_secret", "public_url")
    @classmethod
    def _needed_for_consent(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.data.get("shopify_client_id") is not None:
            raise ValueError("is needed with SHOPIFY_CLIENT_ID")
        return value
