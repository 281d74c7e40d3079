"""Columns travel as array literals, copied rows as lines; Postgres must read every text back unchanged."""

import random
from io import BytesIO

from inventory.rows import copy_text
from prokip_shared.arrays import array_literal
from prokip_shared.database import Pool

AWKWARD = [
    '"',
    "\\",
    '\\"',
    "{",
    "}",
    ",",
    " ",
    "",
    "NULL",
    "null",
    "\\N",
    "\n",
    "\r",
    "\t",
    "\x1f",
    "ä",
    "日本",
    "🛒",
    "'",
    "$1",
]

Row = tuple[str | None, ...]


def drawn(seed: int) -> list[str]:
    dice = random.Random(seed)
    return [*AWKWARD, *("".join(dice.choices(AWKWARD, k=4)) for _ in range(500))]


async def test_postgres_reads_every_text_of_a_literal_back(pool: Pool) -> None:
    texts = [*drawn(1), None]
    assert await pool.fetchval("SELECT $1::text::text[]", array_literal(texts)) == texts


async def test_postgres_reads_every_copied_text_back(pool: Pool) -> None:
    plain: list[Row] = [("1", "SKU 1", "2"), ("3", "ä", "4")]
    awkward: list[Row] = [(text, None, other) for text, other in zip(drawn(1), drawn(2), strict=True)]
    async with pool.acquire() as connection:
        single: list[list[Row]] = [[(text, text, "x")] for text in AWKWARD]
        for rows in (plain, awkward, *single):
            await connection.execute("CREATE TEMPORARY TABLE copied (id serial, a text, b text, c text)")
            await connection.copy_to_table("copied", columns=("a", "b", "c"), source=BytesIO(copy_text(rows)))
            assert [tuple(row) for row in await connection.fetch("SELECT a, b, c FROM copied ORDER BY id")] == rows
            await connection.execute("DROP TABLE copied")
