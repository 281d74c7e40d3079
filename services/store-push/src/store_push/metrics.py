"""What store-push counts; names start with `prokip_push_`."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from prokip_shared.metrics import LATENCY_BUCKETS_S

PUSHES: Final = Counter("prokip_push_batches_total", "Pushes to a store, by how they ended", ("platform", "result"))
LISTINGS: Final = Counter("prokip_push_listings_total", "Listings by what became of them", ("platform", "outcome"))
PUSH_SECONDS: Final = Histogram(
    "prokip_push_seconds", "From claim to commit of one push", ("platform",), buckets=LATENCY_BUCKETS_S
)
WINDOW_SECONDS: Final = Histogram(
    "prokip_push_window_seconds",
    "From the read before a write to the write's answer, where the store has no compare-and-set",
    ("platform",),
    buckets=LATENCY_BUCKETS_S,
)
DRIFT: Final = Counter("prokip_push_drift_total", "Unexplained differences found", ("platform",))
CONNECTIONS: Final = Gauge("prokip_push_connections", "Active connections by health", ("health",))
DUE: Final = Gauge("prokip_push_due_listings", "Listings that wait to be pushed")
OLDEST_DUE_S: Final = Gauge("prokip_push_oldest_due_seconds", "Age of the oldest due listing of a healthy store")
LINGER_S: Final = Gauge("prokip_push_linger_seconds", "How long changes gather before a push at present")
CATALOGUES: Final = Counter("prokip_push_catalogues_total", "Catalogue reads, by how they ended", ("result",))
SWEEPS: Final = Counter("prokip_push_sweeps_total", "Sweeps of stores' orders, by how they ended", ("result",))
SWEPT_ORDERS: Final = Counter("prokip_push_swept_orders_total", "Orders that complete sweeps read")
OLDEST_SWEEP_S: Final = Gauge(
    "prokip_push_oldest_sweep_seconds", "How long ago the store that was not swept for longest was swept completely"
)
HELD_FIRST_QUANTITIES: Final = Gauge(
    "prokip_push_held_first_quantities", "Stores that are not written to until somebody has looked at their first plan"
)
SUBSCRIPTIONS_RESTORED: Final = Counter(
    "prokip_push_subscriptions_restored_total", "Webhooks that a store had switched off or removed, made anew"
)
LOOKED_AT: Final = Counter("prokip_push_looked_at_total", "Listings whose level was looked at in the background")
PRODUCTS_LOOKED_AT: Final = Counter(
    "prokip_push_products_looked_at_total", "Products read anew because a webhook told something else of them"
)
BACKGROUND_WAIT_SECONDS: Final = Histogram(
    "prokip_push_background_wait_seconds",
    "How long sweeps, looks and imports waited for their turn at a store",
    buckets=LATENCY_BUCKETS_S,
)
WORKERS_BUSY: Final = Gauge("prokip_push_workers_busy", "Workers that are pushing")
