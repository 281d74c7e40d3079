from prokip_shared.messages import StockHolder
from prokip_shared.platforms.store import CatalogueItem, ItemKey, Level
from store_push.domain.matching import holders_of, match_catalogue


def item(ref: str, sku: str | None, level: Level | None = None, parent_sku: str | None = None) -> CatalogueItem:
    return CatalogueItem(ItemKey(ref), sku, level or Level("own", 5), parent_sku)


def states(*items: CatalogueItem) -> list[str]:
    return [draft.state for draft in match_catalogue(items)]


def test_only_a_unique_sku_with_a_stock_of_its_own_is_matched() -> None:
    assert states(item("1", "A"), item("2", "B"), item("3", None)) == ["matched", "matched", "no_sku"]


def test_matching_is_exact() -> None:
    assert states(item("1", "AB 12"), item("2", "ab 12"), item("3", "AB12")) == ["matched"] * 3


def test_a_shared_sku_is_matched_to_nobody() -> None:
    assert states(item("1", "A"), item("2", "A"), item("3", "A")) == ["duplicate_sku"] * 3


def test_an_item_that_is_not_counted_makes_no_sku_ambiguous() -> None:
    assert states(item("1", "A"), item("2", "A", Level("untracked", None))) == ["matched", "not_tracked"]


def test_a_variation_whose_parent_holds_the_stock_names_its_holder() -> None:
    drafts = match_catalogue(
        [
            item("1", "PAR"),
            item("2", "PAR-S", Level("parent", None), "PAR"),
            item("3", "PAR-M", Level("parent", None), "PAR"),
            item("4", "LOOSE", Level("parent", None), None),
        ]
    )
    assert [draft.state for draft in drafts] == ["matched", *["held_by_parent"] * 3]
    assert holders_of(drafts) == [StockHolder(sku="PAR-M", held_by="PAR"), StockHolder(sku="PAR-S", held_by="PAR")]
