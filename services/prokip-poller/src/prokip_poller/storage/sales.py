"""Orders, what Prokip was told of them, and the requests that told it. All in the caller's transaction."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg

from prokip_poller.domain.attempts import Outcome
from prokip_poller.domain.looks import OpenDoubt
from prokip_poller.domain.requests import DueLine, due_units, unit_prices
from prokip_poller.domain.sales import (
    ZERO,
    GiveBack,
    Kind,
    RecordSale,
    SaleState,
    Sell,
    Step,
    ToldLine,
    counter_moves,
)
from prokip_poller.domain.telling import OrderKey
from prokip_poller.storage.polls import LocationKey
from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.messages import SaleDueV1
from prokip_shared.platforms.prokip import Goods


@dataclass(frozen=True, slots=True)
class HeldSale:
    """An order's row, locked."""

    key: OrderKey
    location_id: str
    sold_at: datetime
    revision: int
    due: Mapping[str, Decimal]
    prices: Mapping[str, Decimal]
    state: SaleState
    attempts: int
    detail: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A request without a known end, taken to be looked up."""

    posting_id: int
    key: OrderKey
    step: Step
    reference: str
    sold_at: datetime
    looks: int
    """This one included."""
    final_in_s: float
    """From when on its absence in Prokip proves that it did not happen; 0 or less: now."""
    asked_before: bool
    """An earlier request under its reference may have happened as well."""
    correlation_id: str


@dataclass(frozen=True, slots=True)
class LookLater:
    """A doubt that stays one."""

    posting_id: int
    in_s: float | None
    """None: not by itself, a person has to look."""
    words: str


@dataclass(frozen=True, slots=True)
class EndedPosting:
    """What a posting that has just been given its outcome was about."""

    revision: int
    step: Step


@dataclass(frozen=True, slots=True)
class Beginning:
    """A step of an order that is about to be asked of Prokip."""

    sale: HeldSale
    step: Step
    reference: str


@dataclass(frozen=True, slots=True)
class PostingEnd:
    """The outcome of one request."""

    posting_id: int
    key: OrderKey
    outcome: Outcome
    sell_id: str | None
    words: str


@dataclass(frozen=True, slots=True)
class Told:
    """A step that Prokip certainly did, by the request that counts it."""

    posting_id: int
    step: Step
    line_ids: Mapping[str, str]
    """Of the sale's lines, per SKU."""


@dataclass(frozen=True, slots=True)
class NewState:
    """Where an order stands from now on."""

    key: OrderKey
    state: SaleState
    detail: str
    next_attempt_in_s: float | None
    """None: it is not taken up by itself."""
    attempts: int


class Sales:
    def __init__(self, pool: Pool, *, process: str) -> None:
        """`process` is written to each posting, so that an operator can find the log of who sent it."""
        self._pool = pool
        self._process = process
        self._queries = load_queries("prokip_poller", "sales.sql")

    async def upsert_due(self, connection: Connection, messages: Sequence[SaleDueV1]) -> None:
        """One message an order at most."""
        columns: list[list[Any]] = [
            [message.business_id for message in messages],
            [message.connection_id for message in messages],
            [message.order_ref for message in messages],
            [message.location_id for message in messages],
            [message.order_number for message in messages],
            [message.status for message in messages],
            [message.sold_at for message in messages],
            [message.revision for message in messages],
            [json.dumps([_line_json(line) for line in message.lines]) for message in messages],
            [message.correlation_id for message in messages],
        ]
        await connection.execute(self._queries["upsert_due_sales"], *columns)

    async def locations_with_due(self, business_ids: Collection[int]) -> list[LocationKey]:
        rows = await self._pool.fetch(self._queries["locations_with_due_sales"], list(business_ids))
        return [LocationKey(row["business_id"], row["location_id"]) for row in rows]

    async def lock_location(self, connection: Connection, key: LocationKey) -> bool:
        """False while nothing may be posted there."""
        place = await connection.fetchval(self._queries["lock_location_for_posting"], key.business_id, key.location_id)
        return place is not None

    async def under_way(self, connection: Connection, key: LocationKey) -> int:
        number = await connection.fetchval(self._queries["postings_under_way"], key.business_id, key.location_id)
        return int(number)

    async def claim(self, connection: Connection, key: LocationKey, sales_max: int) -> list[HeldSale]:
        rows = await connection.fetch(self._queries["claim_sales"], key.business_id, key.location_id, sales_max)
        return [_held_sale(OrderKey(key.business_id, row["connection_id"], row["order_ref"]), row) for row in rows]

    async def lock(self, connection: Connection, keys: Sequence[OrderKey]) -> dict[OrderKey, HeldSale]:
        """Orders of one business, without those that there are not."""
        rows = await connection.fetch(
            self._queries["lock_sales"],
            keys[0].business_id,
            [key.connection_id for key in keys],
            [key.order_ref for key in keys],
        )
        found = ((OrderKey(keys[0].business_id, row["connection_id"], row["order_ref"]), row) for row in rows)
        return {key: _held_sale(key, row) for key, row in found}

    async def told(
        self, connection: Connection, business_id: int, keys: Sequence[OrderKey]
    ) -> dict[OrderKey, list[Sell]]:
        """What Prokip was told of each order."""
        rows = await connection.fetch(
            self._queries["told_lines"],
            business_id,
            [key.connection_id for key in keys],
            [key.order_ref for key in keys],
        )
        lines: dict[tuple[OrderKey, int, str | None], dict[str, ToldLine]] = {}
        for row in rows:
            key = OrderKey(business_id, row["connection_id"], row["order_ref"])
            of_sell = lines.setdefault((key, row["posting_id"], row["sell_id"]), {})
            of_sell[row["sku"]] = ToldLine(row["sold"], row["returned"], row["line_id"])
        sells: dict[OrderKey, list[Sell]] = {key: [] for key in keys}
        for (key, posting_id, sell_id), of_sell in lines.items():
            sells[key].append(Sell(posting_id, sell_id, of_sell))
        return sells

    async def goods_of(self, connection: Connection, business_id: int, skus: Collection[str]) -> dict[str, Goods]:
        """Of those that a read has named."""
        rows = await connection.fetch(self._queries["goods_of"], business_id, list(skus))
        return {row["sku"]: Goods(row["product_id"], row["variation_id"]) for row in rows}

    async def open_doubts(self, connection: Connection, key: LocationKey, *, grace_s: float) -> list[OpenDoubt]:
        rows = await connection.fetch(self._queries["open_doubts"], key.business_id, key.location_id, grace_s)
        return [OpenDoubt(row["kind"], row["sku"]) for row in rows]

    async def begin_postings(
        self,
        connection: Connection,
        place: LocationKey,
        beginnings: Sequence[Beginning],
        *,
        expires_in_s: float,
        findable: bool,
    ) -> dict[OrderKey, int]:
        """One request an order, and the order's state; their numbers. `findable`: Prokip can be asked for it later."""
        rows = await connection.fetch(
            self._queries["begin_postings"],
            place.business_id,
            place.location_id,
            self._process,
            expires_in_s,
            findable,
            [one.sale.key.connection_id for one in beginnings],
            [one.sale.key.order_ref for one in beginnings],
            [one.sale.revision for one in beginnings],
            [one.step.kind for one in beginnings],
            [one.step.posting_id if isinstance(one.step, GiveBack) else None for one in beginnings],
            [one.reference for one in beginnings],
            [_units_json(one.step.units) for one in beginnings],
            [one.sale.sold_at if isinstance(one.step, RecordSale) else None for one in beginnings],
        )
        return {OrderKey(place.business_id, row["connection_id"], row["order_ref"]): row["posting_id"] for row in rows}

    async def end_postings(
        self,
        connection: Connection,
        ends: Sequence[PostingEnd],
        *,
        only_from: Collection[Outcome],
        by_hand: bool,
        first_look_s: float,
    ) -> dict[int, EndedPosting]:
        """Of one business; without those that somebody else has given an outcome."""
        rows = await connection.fetch(
            self._queries["end_postings"],
            ends[0].key.business_id,
            [end.posting_id for end in ends],
            [end.key.connection_id for end in ends],
            [end.key.order_ref for end in ends],
            [end.outcome for end in ends],
            [end.sell_id for end in ends],
            [end.words for end in ends],
            first_look_s,
            list(only_from),
            by_hand,
        )
        return {row["posting_id"]: EndedPosting(row["revision"], _step(row)) for row in rows}

    async def add_hand_posting(
        self, connection: Connection, sale: HeldSale, step: GiveBack, *, reference: str, answer: str
    ) -> None:
        await connection.execute(
            self._queries["add_hand_posting"],
            sale.key.business_id,
            sale.key.connection_id,
            sale.key.order_ref,
            sale.location_id,
            sale.revision,
            step.posting_id,
            reference,
            _units_json(step.units),
            answer,
            self._process,
        )

    async def counted_by_another(self, connection: Connection, posting_id: int, sell_id: str | None) -> bool:
        """Whether a later request has taken this one's effect for its own: a sale by its id, a return by its total."""
        counted: bool = await connection.fetchval(self._queries["counted_by_another"], posting_id, sell_id)
        return counted

    async def add_repeat(self, connection: Connection, posting_id: int, sell_id: str) -> int:
        """The posting of a sale that one request made twice, or two under one reference."""
        repeat_id: int = await connection.fetchval(self._queries["add_repeat"], posting_id, sell_id)
        return repeat_id

    async def tell(self, connection: Connection, place: LocationKey, told: Sequence[Told]) -> None:
        """Prokip did these steps: told and R move together."""
        sold, moves = list[tuple[int, str, Decimal, str | None]](), dict[str, Decimal]()
        returned: dict[tuple[int, str], Decimal] = {}
        for one in told:
            for sku, move in counter_moves(one.step).items():
                moves[sku] = moves.get(sku, ZERO) + move
            for sku, units in one.step.units.items():
                if isinstance(one.step, RecordSale):
                    sold.append((one.posting_id, sku, units, one.line_ids.get(sku)))
                else:
                    line = (one.step.posting_id, sku)
                    returned[line] = returned.get(line, ZERO) + units
        if sold:
            await connection.execute(
                self._queries["add_told_lines"], place.business_id, *map(list, zip(*sold, strict=True))
            )
        if returned:
            rows = [(*line, units) for line, units in returned.items()]
            await connection.execute(
                self._queries["add_returned"], place.business_id, *map(list, zip(*rows, strict=True))
            )
        moved_at = await connection.fetchval(self._queries["move_location"], place.business_id, place.location_id)
        await connection.execute(
            self._queries["move_counters"],
            place.business_id,
            place.location_id,
            moved_at,
            list(moves),
            list(moves.values()),
        )

    async def set_states(self, connection: Connection, states: Sequence[NewState]) -> None:
        """Of orders of one business, locked by the caller; one state an order."""
        await connection.execute(
            self._queries["set_sale_states"],
            states[0].key.business_id,
            [one.key.connection_id for one in states],
            [one.key.order_ref for one in states],
            [one.state for one in states],
            [one.detail for one in states],
            [one.next_attempt_in_s for one in states],
            [one.attempts for one in states],
        )

    async def failures_of(self, connection: Connection, place: LocationKey) -> int:
        number = await connection.fetchval(self._queries["location_failures"], place.business_id, place.location_id)
        return int(number)

    async def block_location(
        self, connection: Connection, place: LocationKey, *, health: str, reason: str, for_s: float
    ) -> None:
        await connection.execute(
            self._queries["block_location"], place.business_id, place.location_id, health, reason, for_s
        )

    async def expired(self, postings_max: int) -> list[tuple[int, OrderKey]]:
        rows = await self._pool.fetch(self._queries["expired_postings"], postings_max)
        return [
            (row["posting_id"], OrderKey(row["business_id"], row["connection_id"], row["order_ref"])) for row in rows
        ]

    async def locations_with_looks(self, business_ids: Collection[int]) -> list[LocationKey]:
        rows = await self._pool.fetch(self._queries["locations_with_looks"], list(business_ids))
        return [LocationKey(row["business_id"], row["location_id"]) for row in rows]

    async def claim_looks(
        self, place: LocationKey, kind: Kind, *, lease_s: float, grace_s: float, doubts_max: int
    ) -> list[Doubt]:
        """Committed at once, so that other replicas see them taken; those due longest first."""
        rows = await self._pool.fetch(
            self._queries["claim_looks"], place.business_id, place.location_id, lease_s, grace_s, kind, doubts_max
        )
        return [
            Doubt(
                row["posting_id"],
                OrderKey(place.business_id, row["connection_id"], row["order_ref"]),
                _step(row),
                row["reference"],
                row["sold_at"],
                row["looks"],
                row["final_in_s"],
                row["asked_before"],
                row["correlation_id"],
            )
            for row in rows
        ]

    async def look_later(self, doubts: Sequence[LookLater]) -> None:
        await self._pool.execute(
            self._queries["look_later"],
            [one.posting_id for one in doubts],
            [one.in_s for one in doubts],
            [one.words for one in doubts],
        )

    async def known_of(
        self, business_id: int, doubts: Sequence[Doubt]
    ) -> tuple[dict[OrderKey, list[Sell]], dict[str, Goods]]:
        """What Prokip was told of the orders, and the ids of the goods that the doubts are about."""
        async with self._pool.acquire() as connection:
            told = await self.told(connection, business_id, [doubt.key for doubt in doubts])
            skus = {sku for doubt in doubts for sku in doubt.step.units}
            return told, await self.goods_of(connection, business_id, skus)

    async def read_left_out_soon(self, connection: Connection, place: LocationKey, skus: Collection[str]) -> None:
        await connection.execute(self._queries["read_left_out_soon"], place.business_id, place.location_id, list(skus))

    async def newest_doubt(self, connection: Connection, key: OrderKey) -> int | None:
        posting_id: int | None = await connection.fetchval(
            self._queries["newest_doubt"], key.business_id, key.connection_id, key.order_ref
        )
        return posting_id

    async def newest_settled(self, connection: Connection, key: OrderKey) -> Outcome | None:
        outcome: Outcome | None = await connection.fetchval(
            self._queries["newest_settled"], key.business_id, key.connection_id, key.order_ref
        )
        return outcome

    async def posting_outcome(self, connection: Connection, key: OrderKey, posting_id: int) -> Outcome | None:
        outcome: Outcome | None = await connection.fetchval(
            self._queries["posting_outcome"], key.business_id, key.connection_id, key.order_ref, posting_id
        )
        return outcome

    async def retry_all(self, connection: Connection, business_ids: Collection[int]) -> None:
        """What failed, and what could not be looked up."""
        await connection.execute(self._queries["retry_sales"], list(business_ids))
        await connection.execute(self._queries["look_soon"], list(business_ids))


def _line_json(line: Any) -> dict[str, Any]:
    price = None if line.unit_price is None else str(line.unit_price)
    return {"sku": line.sku, "units": str(line.units), "unit_price": price}


def _units_json(units: Mapping[str, Decimal]) -> str:
    return json.dumps({sku: str(number) for sku, number in units.items()})


def _step(row: asyncpg.Record) -> Step:
    units = {sku: Decimal(number) for sku, number in json.loads(row["units"]).items()}
    return RecordSale(units) if row["kind"] == "sell" else GiveBack(row["refund_of"], None, units)


def _due_line(line: Mapping[str, Any]) -> DueLine:
    price = line["unit_price"]
    return DueLine(line["sku"], Decimal(line["units"]), None if price is None else Decimal(price))


def _held_sale(key: OrderKey, row: asyncpg.Record) -> HeldSale:
    lines = [_due_line(line) for line in json.loads(row["lines"])]
    return HeldSale(
        key,
        row["location_id"],
        row["sold_at"],
        row["revision"],
        due_units(lines),
        unit_prices(lines),
        row["state"],
        row["attempts"],
        row["detail"],
        row["correlation_id"],
    )
