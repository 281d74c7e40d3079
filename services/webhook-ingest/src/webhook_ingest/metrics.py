"""What operators see of the stores' door."""

from functools import lru_cache
from typing import Final

from prometheus_client import Counter, Gauge

WEBHOOKS: Final = Counter(
    "prokip_ingest_webhooks_total",
    "Webhooks by store, topic and what became of them",
    ("business_id", "connection_id", "platform", "topic", "outcome"),
)
SPOOLED: Final = Counter("prokip_ingest_spooled_total", "Events that went to Postgres because the broker was away")
SPOOL_WAITING: Final = Gauge("prokip_ingest_spool_events", "Events in the spool, of all replicas")
SPOOL_OLDEST_S: Final = Gauge("prokip_ingest_spool_oldest_seconds", "How long the oldest event in the spool has waited")

UNKNOWN: Final = "-"
SERIES_CACHED_MAX: Final = 8192


def count_webhook(business_id: int | None, connection_id: int | None, platform: str, topic: str, outcome: str) -> None:
    """`topic` is one that the platform is known to have, or `other`: a caller's header never makes a new series."""
    _series(business_id, connection_id, platform, topic, outcome).inc()


@lru_cache(maxsize=SERIES_CACHED_MAX)
def _series(business_id: int | None, connection_id: int | None, platform: str, topic: str, outcome: str) -> Counter:
    """Finding a series by its labels costs more than counting; a busy store has few."""
    business = UNKNOWN if business_id is None else str(business_id)
    connection = UNKNOWN if connection_id is None else str(connection_id)
    return WEBHOOKS.labels(business, connection, platform, topic, outcome)
