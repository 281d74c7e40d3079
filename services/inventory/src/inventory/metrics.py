"""What the ledger shows beside what every service counts; every replica shows the same."""

from typing import Final

from prometheus_client import Gauge

STORE: Final = ("business_id", "connection_id")
WEBHOOK_CHANGES: Final = Gauge(
    "prokip_webhook_changes", "Changes of orders in 24 hours that a store's webhooks should have told", STORE
)
WEBHOOK_GAPS: Final = Gauge(
    "prokip_webhook_gaps",
    "Of these, or of the webhooks about them: how many were missed, late and so on",
    (*STORE, "kind"),
)
