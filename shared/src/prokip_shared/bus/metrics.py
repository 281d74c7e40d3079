"""What the bus counts; names and labels are documented here and nowhere else."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from prokip_shared.metrics import LATENCY_BUCKETS_S

BATCH_BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

CONSUMED: Final = Counter("prokip_bus_consumed_messages_total", "Messages applied and committed", ("queue",))
SKIPPED: Final = Counter("prokip_bus_skipped_bundles_total", "Redelivered bundles that the inbox knew", ("queue",))
FAILED: Final = Counter(
    "prokip_bus_failed_messages_total", "Messages that failed, by what was decided", ("queue", "verdict")
)
PARKED: Final = Counter("prokip_bus_parked_messages_total", "Messages parked", ("queue",))
HELD: Final = Counter("prokip_bus_held_batches_total", "Times a batch waited in place for infrastructure", ("queue",))
BATCH_MESSAGES: Final = Histogram(
    "prokip_bus_batch_messages", "Messages in one transaction", ("queue",), buckets=BATCH_BUCKETS
)
BATCH_SECONDS: Final = Histogram(
    "prokip_bus_batch_seconds", "From begin to commit of one batch", ("queue",), buckets=LATENCY_BUCKETS_S
)
PUBLISHED: Final = Counter("prokip_bus_published_messages_total", "Messages confirmed by the broker", ("type",))
PUBLISH_FAILED: Final = Counter(
    "prokip_bus_unpublished_messages_total", "Messages not confirmed", ("type", "cause")
)  # cause: unroutable | unavailable
PUBLISH_SECONDS: Final = Histogram(
    "prokip_bus_publish_seconds", "Time to the last confirm of a send", buckets=LATENCY_BUCKETS_S
)
GROUP_MESSAGES: Final = Histogram(
    "prokip_bus_group_messages", "Messages that shared one confirm", buckets=BATCH_BUCKETS
)
OUTBOX_WAITING: Final = Gauge("prokip_bus_outbox_waiting_bundles", "Bundles in the outbox, due or not", ("schema",))
OUTBOX_OVERDUE_S: Final = Gauge("prokip_bus_outbox_overdue_seconds", "Age of the oldest due bundle", ("schema",))
PARKED_WAITING: Final = Gauge("prokip_bus_parked_waiting_messages", "Parked and not replayed", ("schema",))
