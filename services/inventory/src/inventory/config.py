"""What inventory can be told by the environment."""

from typing import Annotated

from pydantic import Field

from prokip_shared.settings import ServiceSettings


class InventorySettings(ServiceSettings):
    port: Annotated[int, Field(ge=0, le=65535)] = 8002
    order_batch_messages_max: Annotated[int, Field(ge=1, le=5000)] = 500
    """Orders applied in one transaction; more cost latency, fewer cost throughput (see docs/performance.md)."""
    order_batches_in_flight: Annotated[int, Field(ge=1, le=16)] = 3
    """Several let this process decide about one batch while Postgres writes the others."""
    record_messages: bool = False
    """Keeps every message that moves stock, for a replay of the whole history; on from the first start, or useless."""
