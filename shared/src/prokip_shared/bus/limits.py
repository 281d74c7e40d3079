"""Every limit of the bus in one place; the defaults suit production, tests shorten the times."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BusLimits:
    bundle_messages_max: int = 500
    bundle_bytes_max: int = 512 * 1024
    """RabbitMQ advises against messages of many megabytes; a bundle this size still confirms in milliseconds."""

    publish_timeout_s: float = 5.0
    """After this long without a confirm a publish counts as not having happened."""
    connect_timeout_s: float = 5.0
    heartbeat_s: int = 10
    """RabbitMQ ends a connection after two missed heartbeats (https://www.rabbitmq.com/docs/heartbeats)."""
    reconnect_base_s: float = 0.2
    reconnect_cap_s: float = 5.0

    queue_bundles_max: int = 1_000_000
    """A full queue refuses publishes, so the outboxes and the spool hold the rest.

    This and `deliveries_max` are arguments of the RabbitMQ queues: a queue that exists with others keeps the service
    unready until it is deleted or the number is put back.
    """
    deliveries_max: int = 6
    """A bundle taken more often without being settled is tried once more, alone, and then parked."""

    lease_s: float = 30.0
    """Postgres bus: how long a taken bundle belongs to a consumer that says nothing; extended while it works."""
    poll_interval_s: float = 1.0
    """Postgres bus: how often a queue is looked at when no notification arrives."""

    retry_base_s: float = 1.0
    retry_cap_s: float = 300.0
    hold_base_s: float = 0.1
    hold_cap_s: float = 10.0
    """Waiting in place for infrastructure to come back."""

    outbox_grace_s: float = 2.0
    """How long the fast path has for a row before the relay takes it."""
    outbox_delete_interval_s: float = 0.25
    """How long rows of confirmed bundles stay, to be deleted together; well below the grace, or the relay sends them again."""
    outbox_interval_s: float = 0.5
    outbox_sweep_bundles_max: int = 200
    outbox_memory_bundles_max: int = 2_000
    """Committed bundles that wait in memory for the fast path; what is over is left to the relay."""
    unroutable_delay_s: float = 5.0

    inbox_retention_h: float = 72.0
    """How long a bundle is known as applied, and a replayed message kept. Longer than any redelivery can be late: a broker redelivers what was not settled as soon as it is up."""
    prune_interval_s: float = 600.0
    prune_rows_max: int = 10_000
    gauge_interval_s: float = 5.0


DEFAULT_LIMITS: Final = BusLimits()
