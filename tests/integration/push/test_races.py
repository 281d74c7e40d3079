"""Sales between our last knowledge of a shop and our write; `make bench` runs the same with 10,000 of them."""

from tests.bench.shopify_races import race

SALES = 200
SKUS = 50


async def test_no_sale_between_our_knowledge_and_our_write_is_lost() -> None:
    races = await race(SALES, skus=SKUS, blind=False)
    assert (races.sales, races.lost, races.offered_at_the_end) == (SALES, 0, 0)
    assert races.conflicts == SALES, "each of them was noticed"
    assert races.reread >= SALES


async def test_blind_writes_lose_each_of_them_so_the_race_is_one() -> None:
    races = await race(SALES, skus=SKUS, blind=True)
    assert (races.sales, races.lost, races.conflicts) == (SALES, SALES, 0)
