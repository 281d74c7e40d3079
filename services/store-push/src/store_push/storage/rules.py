"""Rules of stores and SKUs, who changed them, and differences that operators decide about."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from prokip_shared.database import Connection, Pool, load_queries
from store_push.domain.rules import SkuRule, StoreRule

BITE_LISTINGS_MAX: Final = 5_000


@dataclass(frozen=True, slots=True)
class Application:
    """A store whose listings are still being given its rule."""

    connection_id: int
    business_id: int


@dataclass(frozen=True, slots=True)
class Applied:
    last_id: int | None
    looked_at: int
    changed: int


class RuleStorage:
    def __init__(self) -> None:
        self._queries = load_queries("store_push", "rules.sql")

    async def platform_of(self, connection: Connection | Pool, business_id: int, connection_id: int) -> str | None:
        """None: not this business's store, or not connected."""
        platform: str | None = await connection.fetchval(self._queries["own_connection"], connection_id, business_id)
        return platform

    async def unified(self, connection: Connection) -> frozenset[int]:
        """Stores that show the stock of all locations."""
        rows = await connection.fetch(self._queries["unified_connections"])
        return frozenset(row["connection_id"] for row in rows)

    async def store_rule(
        self, connection: Connection | Pool, business_id: int, connection_id: int
    ) -> tuple[StoreRule, bool]:
        """The rule, and whether listings are still being given it."""
        row = await connection.fetchrow(self._queries["store_rule"], connection_id, business_id)
        if row is None:
            return StoreRule(), False
        return StoreRule(row["buffer"], row["shown_max"], row["locations"], row["differences"]), row["applying"]

    async def save_store_rule(
        self, connection: Connection, business_id: int, connection_id: int, rule: StoreRule
    ) -> None:
        await connection.execute(
            self._queries["save_store_rule"],
            connection_id,
            business_id,
            rule.buffer,
            rule.shown_max,
            rule.locations,
            rule.differences,
        )

    async def sku_rule(self, connection: Connection | Pool, business_id: int, connection_id: int, sku: str) -> SkuRule:
        row = await connection.fetchrow(self._queries["sku_rule"], connection_id, sku, business_id)
        return SkuRule() if row is None else SkuRule(row["buffer"], row["shown_max"], row["push"])

    async def sku_rules(
        self, pool: Pool, business_id: int, connection_id: int, *, after_sku: str, rows_max: int
    ) -> list[asyncpg.Record]:
        return await pool.fetch(self._queries["sku_rules"], connection_id, business_id, after_sku, rows_max)

    async def save_sku_rule(
        self, connection: Connection, business_id: int, connection_id: int, sku: str, rule: SkuRule
    ) -> None:
        if rule.says_nothing:
            await connection.execute(self._queries["forget_sku_rule"], connection_id, sku, business_id)
            return
        await connection.execute(
            self._queries["save_sku_rule"], connection_id, sku, business_id, rule.buffer, rule.shown_max, rule.push
        )

    async def note_change(
        self,
        connection: Connection,
        business_id: int,
        connection_id: int,
        sku: str | None,
        before: Mapping[str, object],
        after: Mapping[str, object],
        *,
        changed_by: str,
    ) -> None:
        await connection.execute(
            self._queries["note_change"],
            business_id,
            connection_id,
            sku,
            json.dumps(before),
            json.dumps(after),
            changed_by,
        )

    async def changes(
        self, pool: Pool, business_id: int, connection_id: int, *, before_id: int | None, rows_max: int
    ) -> list[asyncpg.Record]:
        return await pool.fetch(self._queries["changes"], business_id, connection_id, before_id, rows_max)

    async def ask_application(self, connection: Connection, business_id: int, connection_id: int) -> None:
        await connection.execute(self._queries["ask_application"], connection_id, business_id)
        await connection.execute(self._queries["wake_applier"])

    async def any_waiting(self, pool: Pool) -> bool:
        return bool(await pool.fetchval(self._queries["applications_waiting"]))

    async def next_application(self, connection: Connection) -> Application | None:
        row = await connection.fetchrow(self._queries["next_application"])
        return None if row is None else Application(**row)

    async def application_place(self, connection: Connection, connection_id: int) -> int | None:
        """Up to which listing it has come; None: it is done."""
        after_id: int | None = await connection.fetchval(self._queries["application_place"], connection_id)
        return after_id

    async def go_on_after(self, connection: Connection, connection_id: int, after_id: int) -> None:
        await connection.execute(self._queries["go_on_after"], connection_id, after_id)

    async def end_application(self, connection: Connection, connection_id: int) -> None:
        await connection.execute(self._queries["end_application"], connection_id)

    async def apply(
        self, connection: Connection, connection_id: int, *, after_id: int, sku: str | None, anew: bool = False
    ) -> Applied:
        """At most BITE_LISTINGS_MAX listings; the business's listings are locked."""
        row = await connection.fetchrow(
            self._queries["apply_rules"], connection_id, after_id, sku, BITE_LISTINGS_MAX, anew
        )
        assert row is not None  # noqa: S101  # aggregates always have a row
        return Applied(row["last_id"], row["looked_at"], row["changed"])

    async def release_held(self, connection: Connection, connection_id: int, *, decided_by: str) -> None:
        await connection.execute(self._queries["release_held"], connection_id, decided_by)

    async def differences(
        self,
        pool: Pool,
        business_id: int,
        *,
        before_id: int | None,
        connection_id: int | None,
        state: str | None,
        rows_max: int,
    ) -> list[asyncpg.Record]:
        return await pool.fetch(self._queries["differences"], business_id, before_id, connection_id, state, rows_max)

    async def difference(self, connection: Connection, business_id: int, difference_id: int) -> asyncpg.Record | None:
        return await connection.fetchrow(self._queries["difference"], difference_id, business_id)

    async def decide(
        self,
        connection: Connection,
        business_id: int,
        difference_id: int,
        listing_id: int,
        state: str,
        *,
        decided_by: str,
    ) -> bool:
        """False: somebody was quicker, or it has gone away."""
        await connection.execute(self._queries["lock_listing"], listing_id)
        decided = await connection.fetchval(
            self._queries["decide_difference"], difference_id, business_id, state, decided_by
        )
        if decided is not None and state == "pushed":
            await connection.execute(self._queries["push_over"], listing_id)
        return decided is not None
