"""Columns travel as array literals; Postgres must read every text back unchanged."""

import random

from inventory.rows import array_literal
from prokip_shared.database import Pool

AWKWARD = ['"', "\\", '\\"', "{", "}", ",", " ", "", "NULL", "null", "\n", "\t", "\x1f", "ä", "日本", "🛒", "'", "$1"]


async def test_postgres_reads_every_text_of_a_literal_back(pool: Pool) -> None:
    dice = random.Random(1)
    texts = [*AWKWARD, None, *("".join(dice.choices(AWKWARD, k=4)) for _ in range(500))]
    assert await pool.fetchval("SELECT $1::text::text[]", array_literal(texts)) == texts
