from typing import Annotated, Literal

from pydantic import Field, SecretStr

from gateway.models.base import Answer, Given, HeaderSafe, Id, LocationId, Message, ShortText, Time, WrittenId

Dialect = Literal["simple", "connector"]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=2000), HeaderSafe]
IntervalS = Annotated[int, Field(ge=1, le=86400)]


class ConnectorLogin(Given):
    """Where Prokip is and how to sign in there.

    A secret that is left out is the stored one, as long as the address and whose secret it is stay the same.
    """

    api_url: Annotated[str, Field(max_length=500)]
    client_id: Annotated[ShortText, WrittenId] | None = None
    """Made in Prokip by its administrator, like the client secret."""
    client_secret: Secret | None = None
    username: ShortText | None = None
    """The login name, not the e-mail address."""
    password: Secret | None = None


class ProkipChange(ConnectorLogin):
    dialect: Dialect = "simple"
    """`connector` is Prokip's own API, `simple` the one of the earlier system's guides, which wants a token."""
    token: Secret | None = None
    """Of the simple dialect. Left out: the stored one stays, unless the address changes."""
    location_id: LocationId
    """In the connector dialect a number; `/api/v1/prokip/choices` lists them."""
    contact_id: Id | None = None
    """The customer to whom sales are written. Left out: Prokip's default (walk-in) customer."""
    timezone: ShortText | None = None
    """An IANA name; sales are dated in it. Left out: what Prokip says of the business."""
    interval_s: IntervalS | None = None


class ProkipConfigured(Message):
    warnings: Annotated[tuple[str, ...], Field(exclude_if=lambda warnings: not warnings)] = ()
    """What works and will yet surprise; left out where there is nothing to say."""


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
    dialect: Dialect | None = None
    api_url: str | None = None
    location_id: str | None = None
    contact_id: int | None = None
    """None in the simple dialect, as timezone."""
    timezone: str | None = None
    interval_s: int | None = None
    configured_at: Time | None = None
    warnings: tuple[str, ...] = ()
    """Of the check that came with a change; none where the settings are only shown."""
    state: ProkipState | None = None
    """None where nothing is set up or the poller does not answer."""


class ProkipLocation(Answer):
    id: str
    name: str
    code: str
    """What Prokip shows to people; its API wants the id."""


class ProkipContact(Answer):
    id: int
    name: str
    is_default: bool


class ProkipChoices(Answer):
    """What there is to choose from with these credentials."""

    locations: tuple[ProkipLocation, ...]
    contacts: tuple[ProkipContact, ...]
    """The default customer and those that were read on the way to it."""
    timezone: str | None
    """None: Prokip does not tell it."""
