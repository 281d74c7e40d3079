"""Sales in the moment between our last knowledge of a Shopify shop and our write: what becomes of them.

The product's own pusher, decisions and client against the sandbox's shop, which sells one unit of every SKU just before
it looks at the first write of a round. Nobody tells the orders until the round is over, so only the compare-and-set can
save them. Beside it the same rounds with writes that compare with nothing, as the peers do it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from typing_extensions import override

from prokip_sandbox import Good, Limits, Shop, ShopifyServer
from prokip_shared.http import open_client
from prokip_shared.platforms.shopify import ShopifyClient
from prokip_shared.platforms.store import ItemKey, Level, QuantityWrite, WriteResult
from store_push.domain.decisions import Patience, PlannedWrite
from store_push.domain.listings import DueListing
from store_push.pusher import Pusher
from store_push.stores import ShopifyStore
from tests.bench.figures import Figure

SALES: Final = 10_000
SKUS: Final = 1_000
UNITS: Final = 1_000
ELSEWHERE_UNITS: Final = 2
"""Other than in the shop: a shop that happens to show the target already is not written to."""
START: Final = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PATIENCE: Final = Patience(settle_s=3, drift_after_s=90)


class CountingStore(ShopifyStore):
    """Counts what came between, and writes blindly where that is asked for."""

    blind = False
    conflicts = 0
    reread = 0
    sets = 0

    @override
    async def write(self, lines: Sequence[QuantityWrite], *, attempt_key: str) -> dict[ItemKey, WriteResult]:
        self.sets += 1
        if self.blind:
            lines = [replace(line, change_from=None) for line in lines]
        results = await super().write(lines, attempt_key=attempt_key)
        self.conflicts += sum(result.outcome == "stale" for result in results.values())
        return results

    @override
    async def read_levels(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Level]:
        self.reread += len(keys)
        return await ShopifyClient.read_levels(self, keys)


@dataclass(frozen=True, slots=True)
class Races:
    """What became of the sales that came between."""

    sales: int
    lost: int
    """Units that were sold in the shop and that our write put back on its shelf."""
    conflicts: int
    reread: int
    sets: int
    offered_at_the_end: int
    """Units too many on the shelf after every order was told and pushed."""


async def race(sales: int, *, skus: int, blind: bool) -> Races:
    """Rounds of two units sold elsewhere and one in the shop for each SKU. Deterministic."""
    names = [f"SKU-{number:04d}" for number in range(skus)]
    server = ShopifyServer(["races.myshopify.com"], limits=Limits(unlimited=True))
    server.seed_goods([Good(name, name, 1000, UNITS) for name in names])
    shop = server.shop()
    unsold: set[str] = set()
    orders = dict.fromkeys(names, 0)

    def sell(targets: list[str]) -> None:
        for name in unsold.intersection(targets):
            shop.buy({name: 1})
            orders[name] += 1
        unsold.difference_update(targets)

    shop.interleave_sets(sell)
    async with server.serve(), open_client(allowed_private_hosts=["127.0.0.1"], timeout_s=20) as session:
        place = str(shop.location_ids[0])
        store = CountingStore(
            session, base_url=server.shop_url(), access_token=SecretStr(shop.access_token), place_ref=place
        )
        store.blind = blind
        listings = {name: _listing(number, name, str(shop.item(name).id), place) for number, name in enumerate(names)}
        clock = _Clock()
        pusher = Pusher(PATIENCE, clock, _keep_no_intents)
        elsewhere = lost = 0
        while sum(orders.values()) < sales:
            unsold.update(names[: sales - sum(orders.values())])
            elsewhere += ELSEWHERE_UNITS
            for told in (False, True):  # the change from elsewhere with its race; then what the shop's orders told
                left = {name: UNITS - elsewhere - orders[name] for name in names}
                await _push(pusher, clock(), store, listings, left, orders)
                if not told:
                    lost += _offered(shop, UNITS - elsewhere, orders)
                clock.tick()
        at_the_end = _offered(shop, UNITS - elsewhere, orders)
    return Races(sum(orders.values()), lost, store.conflicts, store.reread, store.sets, at_the_end)


def _offered(shop: Shop, units: int, orders: Mapping[str, int]) -> int:
    """Units too many on the shelf, of `units` each before its own sales."""
    return sum(max(0, (shop.stock(name) or 0) - (units - sold)) for name, sold in orders.items())


async def _keep_no_intents(_writes: Sequence[PlannedWrite], _now: datetime) -> None:
    """Nobody dies in this race, so there is no attempt to remember."""


class _Clock:
    def __init__(self) -> None:
        self._now = START

    def __call__(self) -> datetime:
        return self._now

    def tick(self) -> None:
        self._now += timedelta(seconds=10)


def _listing(number: int, name: str, item_ref: str, place: str) -> DueListing:
    return DueListing(
        listing_id=number, key=ItemKey(item_ref, place_ref=place), sku=name, target=UNITS, target_revision=1,
        target_taken=Decimal(0), correlation_id="race", confirmed=UNITS, confirmed_taken=Decimal(0),
        confirmed_revision=1, confirmed_at=START - timedelta(days=2), drifted_at=None, must_read=False, hinted=None,
        hints=0, gap=None,
    )  # fmt: skip


async def _push(
    pusher: Pusher,
    now: datetime,
    store: CountingStore,
    listings: dict[str, DueListing],
    targets: dict[str, int],
    orders: dict[str, int],
) -> None:
    """One push of the newest targets; what it settled is kept as store-push keeps it."""
    known = dict(orders)
    due = [
        replace(
            listing,
            target=targets[name],
            target_revision=listing.target_revision + 1,
            target_taken=Decimal(known[name]),
        )
        for name, listing in listings.items()
    ]
    report = await pusher.push(store, due, None)
    if report.failure is not None:
        raise report.failure
    for one in report.settled:
        listing, fresh = one.listing, one.confirmed_now
        listings[listing.sku] = replace(
            listing,
            confirmed=one.confirmed,
            confirmed_taken=listing.target_taken if fresh else listing.confirmed_taken,
            confirmed_revision=listing.target_revision if fresh else listing.confirmed_revision,
            confirmed_at=now if fresh else listing.confirmed_at,
            must_read=one.look_at is not None,
            gap=one.gap,
        )


async def run(_database_url: str, _broker_url: str, _folder: Path) -> list[Figure]:
    compared = await race(SALES, skus=SKUS, blind=False)
    blind = await race(SALES, skus=SKUS, blind=True)
    return [
        Figure(
            f"Shopify: {SALES:,} sales between our knowledge and our write",
            compared.lost,
            "units lost",
            blind.lost,
            "units lost by blind writes in the same run",
            "0 lost, none offered twice at the end",
            compared.lost == compared.offered_at_the_end == 0 and compared.sales == SALES,
            {
                "conflicts": compared.conflicts,
                "levels read again": compared.reread,
                "writes": compared.sets,
                "blind writes": blind.sets,
                "units still offered at the end by blind writes": blind.offered_at_the_end,
            },
        )
    ]
