"""What the poller counts; names and labels are documented here and nowhere else."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from prokip_shared.metrics import LATENCY_BUCKETS_S

READS: Final = Counter(
    "prokip_poller_reads_total", "Stock reads of a location, by how they ended", ("business_id", "health")
)
READ_SECONDS: Final = Histogram(
    "prokip_poller_read_seconds", "Time to read and tell one location", buckets=LATENCY_BUCKETS_S
)
TOLD_SKUS: Final = Counter("prokip_poller_told_skus_total", "SKUs whose (Q, R) was sent", ("business_id",))
READ_AGE_S: Final = Gauge(
    "prokip_poller_read_age_seconds", "Time since the last good read", ("business_id", "location_id")
)
LEFT_OUT: Final = Gauge(
    "prokip_poller_left_out_skus", "SKUs that the last read could not tell", ("business_id", "location_id")
)
POSTINGS: Final = Counter(
    "prokip_poller_postings_total",
    "Requests that tell Prokip something, by outcome",
    ("business_id", "kind", "outcome"),
)
POSTING_SECONDS: Final = Histogram(
    "prokip_poller_posting_seconds", "Time until Prokip answered a sale or return", ("kind",), buckets=LATENCY_BUCKETS_S
)
SALES: Final = Gauge("prokip_poller_unrecorded_sales", "Orders that Prokip does not know yet", ("business_id", "state"))
LOOKS: Final = Counter(
    "prokip_poller_looks_total", "Looks at what is in doubt, by what they found", ("business_id", "kind", "found")
)
DOUBTS: Final = Gauge(
    "prokip_poller_doubts", "Requests that nobody knows the end of, by who settles them", ("business_id", "settled_by")
)
