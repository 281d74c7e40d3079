"""What webhook-ingest can be told by the environment."""

from typing import Annotated

from pydantic import Field

from prokip_shared.settings import ServiceSettings

Seconds = Annotated[float, Field(gt=0, le=60)]


class IngestSettings(ServiceSettings):
    port: Annotated[int, Field(ge=0, le=65535)] = 8001
    body_bytes_max: Annotated[int, Field(ge=1024, le=8 * 1024 * 1024)] = 1024 * 1024
    """A larger webhook is answered 413; an order of 300 lines has about 200 kB."""
    body_timeout_s: Seconds = 5.0
    """How long a store may take to send its body; Shopify itself gives up after 5 s."""
    answer_timeout_s: Seconds = 0.9
    """The latest moment for an answer once the body is here, whatever happens downstream; then it is 503."""
    publish_timeout_s: Seconds = 0.3
    """How long the broker may take to confirm before the events go to Postgres instead.

    An event waits for the group before it and then for its own: to leave the spool any time, twice this stays below
    `answer_timeout_s`.
    """
    spool_timeout_s: Seconds = 0.4
    """How long Postgres may take for a group of events; an event waits for the group before it here as well."""
    broker_pause_s: Seconds = 1.0
    """How long new events go straight to the spool after the broker failed, before it is tried again."""
    spool_interval_s: Seconds = 1.0
    """How often the spool is looked at: another replica may have died with events in it."""
    spool_row_messages_max: Annotated[int, Field(ge=1, le=500)] = 100
    """Events that arrive together share a row of the spool, up to this many."""
    spool_batch_rows_max: Annotated[int, Field(ge=1, le=500)] = 20
    """Rows that are published and deleted in one transaction; with full rows about 1 MB of events."""
    unknown_store_pause_s: Seconds = 2.0
    """Webhooks of unknown stores make this process read the directory again at most this often."""
    allow_unsigned_custom: bool = False
    """Takes custom stores' webhooks without signature; for the sandbox only."""
