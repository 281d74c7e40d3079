from typing import Final

from prometheus_client import Counter, Gauge

SIGN_INS: Final = Counter("prokip_gateway_sign_ins_total", "Attempts to sign in, by how they ended", ("outcome",))
LIVE_WATCHERS: Final = Gauge("prokip_gateway_live_watchers", "Open live views on this replica")
LIVE_ENDED: Final = Counter(
    "prokip_gateway_live_ended_total", "Live views that ended other than by the client's wish", ("reason",)
)
UPSTREAM_FAILURES: Final = Counter(
    "prokip_gateway_upstream_failures_total", "Questions that another service did not answer", ("service",)
)
