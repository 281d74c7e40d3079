"""Recorded deliveries as the store sent them; each file's source is told in tests/data."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).resolve().parents[2] / "data"
WOO_SECRET: Final = "whsec-local-0123456789"
WOO_STORE: Final = "https://127.0.0.1:8443"


@dataclass(frozen=True, slots=True)
class Delivery:
    headers: dict[str, str]
    body: bytes

    @property
    def topic(self) -> str:
        return self.headers["X-WC-Webhook-Topic"]

    @property
    def signature(self) -> str:
        return self.headers["X-WC-Webhook-Signature"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    before: dict[str, Decimal | None]
    after: dict[str, Decimal | None]
    deliveries: tuple[Delivery, ...]


def woo_delivery(name: str) -> Delivery:
    recorded = json.loads((DATA / "woocommerce" / f"{name}.json").read_text(encoding="utf-8"))
    return Delivery(dict(recorded["headers"]), recorded["body"].encode())


def woo_steps() -> Iterator[Step]:
    for file in sorted((DATA / "woocommerce").glob("lifecycle_*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            step = json.loads(line, parse_int=Decimal)
            raw = json.loads(line)
            yield Step(
                step["step"],
                step["stock_before"],
                step["stock_after"],
                tuple(Delivery(item["headers"], item["body"].encode()) for item in raw["deliveries"]),
            )


def shopify_payload(name: str) -> Any:
    return json.loads((DATA / "shopify" / f"{name}.json").read_text(encoding="utf-8"))
