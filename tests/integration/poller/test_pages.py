"""One read, page by page, against what is held of each SKU."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from prokip_poller.domain.observations import Change, Pair
from prokip_poller.pages import LOOK_SKUS_MAX, Findings, LeaseLost, PageReads, pieces
from prokip_poller.storage.polls import FreeLocation, LocationKey
from prokip_poller.storage.reads import Reads
from prokip_shared.database import Pool, migrate, open_pool
from prokip_shared.platforms.prokip import Goods, StockPage, Unusable

D = Decimal
KEY = LocationKey(1, "LOC001")
READER = uuid4()
CLAIMED_AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A location that is being read; 10 each of A, B and C have been told."""
    await migrate(database_url, schema="prokip", package="prokip_poller")
    async with await open_pool(database_url, service="pages", connections_max=4) as pool:
        await pool.execute(
            "INSERT INTO prokip.location (business_id, location_id, reader) VALUES (1, 'LOC001', $1)", READER
        )
        await pool.execute(
            "INSERT INTO prokip.sku_snapshot (business_id, location_id, sku, quantity, recorded, sequence)"
            " SELECT 1, 'LOC001', sku, 10, 0, 1 FROM unnest('{A,B,C}'::text[]) AS sku"
        )
        yield pool


def page(quantities: Mapping[str, float], **more: Mapping[str, str] | Mapping[str, Goods]) -> StockPage:
    return StockPage({sku: D(str(number)) for sku, number in quantities.items()}, **more)  # type: ignore[arg-type]  # by name


async def source(given: Sequence[StockPage]) -> AsyncIterator[StockPage]:
    for one in given:
        yield one


async def read(pool: Pool, *given: StockPage, reader: UUID = READER, changes_max: int = 500) -> Findings:
    due = FreeLocation(KEY, 1, True, {}, 0, 3, True, CLAIMED_AT)
    return await PageReads(Reads(pool), due, reader, changes_max=changes_max).read(source(given))


async def changes(pool: Pool, findings: Findings) -> dict[str, Change]:
    rows = await pool.fetch("SELECT * FROM prokip.read_change WHERE read_id = $1 ORDER BY sku", findings.read_id)
    return {
        row["sku"]: Change(
            None if row["before_quantity"] is None else Pair(row["before_quantity"], row["before_recorded"]),
            Pair(row["after_quantity"], row["after_recorded"]),
        )
        for row in rows
    }


async def test_only_what_changes_is_collected(pool: Pool) -> None:
    findings = await read(pool, page({"A": 10, "B": 9}), page({"C": 10, "D": 1}))
    assert await changes(pool, findings) == {
        "B": Change(Pair(D(10), D(0)), Pair(D(9), D(0))),
        "D": Change(None, Pair(D(1), D(0))),
    }
    assert (findings.named, findings.missing, findings.counted.changed) == (4, 0, 1)


@pytest.mark.parametrize("changes_max", [1, 500])
async def test_a_sku_that_drifts_between_pages_is_left_out(pool: Pool, changes_max: int) -> None:
    findings = await read(
        pool,
        page({"A": 10, "B": 7, "C": 7, "D": 7}),
        page({"A": 9, "B": 8, "C": 10, "D": 8, "E": 1}),
        page({"E": 1}),
        changes_max=changes_max,
    )
    assert findings.left_out == dict.fromkeys("ABCD", "contradiction")
    assert set(await changes(pool, findings)) == {"E"}
    assert findings.untold == {"D"}


async def test_a_sku_that_shifts_out_of_every_page_is_missing_and_not_zero(pool: Pool) -> None:
    findings = await read(pool, page({"A": 10}), page({"C": 10}))
    assert (findings.missing, findings.read_id) == (1, None)


async def test_a_sku_named_twice_the_same_is_told_once(pool: Pool) -> None:
    findings = await read(pool, page({"A": 3, "B": 10}), page({"A": 3, "B": 10}))
    assert set(await changes(pool, findings)) == {"A"}
    assert (findings.left_out, findings.named) == ({}, 2)


async def test_an_empty_read_is_a_defect_and_not_an_empty_shop(pool: Pool) -> None:
    for given in ((), (page({}),), (page({}), page({}))):
        with pytest.raises(Unusable, match="Nothing was changed"):
            await read(pool, *given)


async def test_what_prokip_does_not_track_is_left_alone_and_kept_with_the_reason(pool: Pool) -> None:
    async def kept() -> list[tuple[str, str]]:
        return [tuple(row) for row in await pool.fetch("SELECT sku, reason FROM prokip.left_alone ORDER BY sku")]

    findings = await read(pool, page({"A": 10, "B": 10}, left_alone={"C": "not tracked", "S": "not tracked"}))
    assert await kept() == [("C", "not tracked"), ("S", "not tracked")]
    assert (findings.read_id, findings.missing) == (None, 0), "C keeps what was told"
    await read(pool, page({"A": 10, "B": 10, "C": 10}, left_alone={"S": "inactive"}))
    assert await kept() == [("S", "inactive")]
    await read(pool, page({"A": 10, "B": 10, "C": 10}))
    assert await kept() == [], "no longer in Prokip"


async def test_ids_are_saved_where_they_are_new_or_moved(pool: Pool) -> None:
    async def saved() -> list[tuple[object, ...]]:
        return [tuple(row) for row in await pool.fetch("SELECT sku, product_id, variation_id, xmin FROM prokip.goods")]

    await read(pool, page({"A": 10}, goods={"A": Goods(1, 11)}))
    before = await saved()
    await read(pool, page({"A": 10}, goods={"A": Goods(1, 11)}))
    assert await saved() == before
    await read(pool, page({"A": 10}, goods={"A": Goods(1, 12)}))
    assert [row[:3] for row in await saved()] == [("A", 1, 12)]


async def test_a_list_in_one_piece_is_compared_in_pieces(pool: Pool) -> None:
    skus = {f"S{number:05d}": 1.0 for number in range(2 * LOOK_SKUS_MAX + 1)}
    whole = page(skus, goods={sku: Goods(1, number) for number, sku in enumerate(skus)}, left_alone={"L": "inactive"})
    cut = list(pieces(whole, LOOK_SKUS_MAX))
    assert [len(piece.quantities) for piece in cut] == [LOOK_SKUS_MAX, LOOK_SKUS_MAX, 1]
    assert sum(len(piece.goods) for piece in cut) == len(skus)
    findings = await read(pool, whole)
    assert (findings.counted.never_told, len(await changes(pool, findings))) == (len(skus), len(skus))


async def test_a_read_that_lost_its_lease_collects_nothing_more(pool: Pool) -> None:
    with pytest.raises(LeaseLost):
        await read(pool, page({"A": 9}), reader=uuid4())

    async def interrupted() -> AsyncIterator[StockPage]:
        yield page({"A": 9})
        yield page({"A": 9})
        yield page({"C": 10})
        async with pool.acquire() as connection:
            await Reads(pool).forget_cut_off(connection, KEY)
        yield page({"B": 9})

    due = FreeLocation(KEY, 1, True, {}, 0, 3, True, CLAIMED_AT)
    with pytest.raises(LeaseLost):
        await PageReads(Reads(pool), due, READER, changes_max=1).read(interrupted())
    assert await pool.fetchval("SELECT count(*) FROM prokip.read_change") == 0


async def test_a_sale_recorded_while_a_page_is_read_leaves_its_sku_out(pool: Pool) -> None:
    async def selling() -> AsyncIterator[StockPage]:
        yield page({"B": 10})
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE prokip.location SET counter_moves = counter_moves + 1")
            await connection.execute("INSERT INTO prokip.recorded_counter VALUES (1, 'LOC001', 'A', 1, 1)")
        yield page({"A": 10})

    due = FreeLocation(KEY, 1, True, {}, 0, 3, True, CLAIMED_AT)
    findings = await PageReads(Reads(pool), due, READER, changes_max=500).read(selling())
    assert findings.left_out == {"A": "counter_moved"}
