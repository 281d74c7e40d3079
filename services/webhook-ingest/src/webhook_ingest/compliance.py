"""Shopify's compliance webhooks, which come for shops that have left as well.

Personal data is dropped at the door, so customers' requests have nothing to hand out or to erase. `shop/redact` has what is
kept of the shop erased: its parked webhooks here, the rest by whoever keeps it. A shop that was disconnected here has no
secret of its own any more; its webhooks are signed by the app that asks for consent, whose secret is a setting.

https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prokip_shared.directory import Directory
from prokip_shared.logs import Log
from prokip_shared.platforms.shopify_webhooks import COMPLIANCE_TOPICS, REDACT_TOPIC
from webhook_ingest.domain.events import redaction_of
from webhook_ingest.door import Door
from webhook_ingest.ids import make_message_id
from webhook_ingest.storage import ParkedTable

log = Log("compliance")


@dataclass(frozen=True, slots=True)
class Compliance:
    directory: Directory
    parked: ParkedTable
    door: Door
    app_secrets: Sequence[str]
    """Of the app that asks for consent, the active one first; none where no app is set up."""

    def secrets_of(self, topic: str) -> Sequence[str]:
        """What may have signed such a webhook of a shop that is not connected."""
        return self.app_secrets if topic in COMPLIANCE_TOPICS else ()

    async def take(self, topic: str, payload: Any, correlation_id: str) -> str:
        """What became of an authentic one. Raises what asyncpg raises, and BusUnavailable."""
        shop = payload.get("shop_domain") if isinstance(payload, dict) else None
        if topic != REDACT_TOPIC or not isinstance(shop, str):
            return "ignored"
        found = await self.directory.ever_connected("shopify", shop.lower())
        if found is None:
            return "ignored"
        connection_id, business_id = found
        await self.parked.forget(business_id, connection_id)
        await self.door.publish(
            redaction_of(connection_id, business_id, message_id=make_message_id(), correlation_id=correlation_id)
        )
        log.info("shop.redacted", connection_id=connection_id, business_id=business_id)
        return "accepted"
