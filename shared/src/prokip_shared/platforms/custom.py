"""Custom stores: new quantities are posted, signed, to the address that the store named."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import ClientSession

from prokip_shared.platforms.errors import failure_of_status
from prokip_shared.platforms.exchange import ExchangeLimits, exchange
from prokip_shared.platforms.signatures import sign
from prokip_shared.platforms.store import ItemKey, QuantityWrite, WriteResult, chunks

LINES_MAX: Final = 500
STORE_HEADER: Final = "X-Prokip-Store"
SIGNATURE_HEADER: Final = "X-Prokip-Signature"
PREVIOUS_SIGNATURE_HEADER: Final = "X-Prokip-Signature-Previous"
"""While the secret rotates: by the one before, for a store that does not know the new one yet."""


def quantities_body(store_key: str, delivery_id: str, lines: Sequence[QuantityWrite]) -> bytes:
    """Absolute quantities: a store that receives one twice, or late and out of order by `delivery`, loses nothing."""
    fields: dict[str, Any] = {
        "store": store_key,
        "delivery": delivery_id,
        "quantities": [{"sku": line.sku, "quantity": line.quantity} for line in lines],
    }
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


class CustomClient:
    """A store without a readable level: what was delivered is what it is believed to show.

    `secrets` tells what is valid at the moment, the active one first.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        store_key: str,
        notify_url: str,
        secrets: Callable[[], Sequence[str]],
        limits: ExchangeLimits | None = None,
    ) -> None:
        self._session = session
        self._store_key = store_key
        self._notify_url = notify_url
        self._secrets = secrets
        self._limits = limits or ExchangeLimits()

    def groups(self, keys: Sequence[ItemKey]) -> list[tuple[ItemKey, ...]]:
        """Splits SKUs into what one delivery can carry."""
        return chunks(keys, LINES_MAX)

    async def write(self, lines: Sequence[QuantityWrite], *, attempt_key: str) -> dict[ItemKey, WriteResult]:
        """Any 2xx accepts the whole delivery. Raises StoreError."""
        body = quantities_body(self._store_key, attempt_key, lines)
        headers = {"Content-Type": "application/json", STORE_HEADER: self._store_key} | self._signatures(body)
        answer = await exchange(
            self._session, "POST", self._notify_url, headers=headers, limits=self._limits, body=body
        )
        failure = failure_of_status(answer.status, answer.headers, code="", detail="", now=datetime.now(UTC))
        if failure is not None:
            raise failure
        return {line.key: WriteResult("written", line.quantity) for line in lines}

    def _signatures(self, body: bytes) -> dict[str, str]:
        """The active secret signs first."""
        names = (SIGNATURE_HEADER, PREVIOUS_SIGNATURE_HEADER)
        return {name: sign(body, secret) for name, secret in zip(names, self._secrets(), strict=False)}
