from typing import Annotated, Literal

from pydantic import Field, SecretStr

from gateway.models.base import Answer, Given, HeaderSafe, LocationId, Time

ApiToken = Annotated[SecretStr, Field(min_length=1, max_length=2000), HeaderSafe]
IntervalS = Annotated[int, Field(ge=1, le=86400)]


class ProkipSettings(Given):
    token: ApiToken
    api_url: Annotated[str, Field(max_length=500)]
    location_id: LocationId
    interval_s: IntervalS | None = None


class ProkipChange(Given):
    token: ApiToken | None = None
    """Left out: the stored one stays, unless the address changes."""
    api_url: Annotated[str, Field(max_length=500)]
    location_id: LocationId
    interval_s: IntervalS | None = None


class ProkipState(Answer):
    """What the poller knows of reading and writing Prokip."""

    last_read_at: Time | None
    last_error: str | None
    next_read_at: Time | None
    first_read_complete: bool
    skus: int
    sales_in_doubt: int
    sales_refused: int


class Prokip(Answer):
    configured: bool
    dialect: Literal["simple"] | None = None
    api_url: str | None = None
    location_id: str | None = None
    interval_s: int | None = None
    configured_at: Time | None = None
    state: ProkipState | None = None
    """None where nothing is set up or the poller does not answer."""
