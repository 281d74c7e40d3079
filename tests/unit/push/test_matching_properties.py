"""Whatever a catalogue holds and operators say: nothing ambiguous is pushed, and a link follows its orders."""

from collections import Counter
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from prokip_shared.platforms.store import CatalogueItem, ItemKey, Level, LevelState
from store_push.domain.matching import ItemChoice, holders_of, link_problem, match_catalogue

SKUS = st.sampled_from(["A", "a", "A ", "B", "C", None])
LEVELS: st.SearchStrategy[LevelState] = st.sampled_from(["own", "own", "own", "parent", "untracked", "inactive"])
CHOICES = st.one_of(
    st.none(),
    st.just(ItemChoice("ignored")),
    st.builds(ItemChoice, st.just("linked"), st.sampled_from(["A", "B", "C", "P"])),
)


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[list[CatalogueItem], dict[str, ItemChoice]]:
    items, choices = [], {}
    for number in range(draw(st.integers(0, 8))):
        state = draw(LEVELS)
        level = Level(state, draw(st.integers(0, 9)) if state == "own" else None)
        items.append(CatalogueItem(ItemKey(str(number)), draw(SKUS), level))
        choice = draw(CHOICES)
        if choice is not None:
            choices[str(number)] = choice
    return items, choices


@given(catalogues())
def test_a_sku_is_pushed_to_one_item_at_most_and_every_item_has_one_state_with_a_reason(
    catalogue: tuple[list[CatalogueItem], Mapping[str, ItemChoice]],
) -> None:
    items, choices = catalogue
    drafts = match_catalogue(items, choices)
    assert [draft.key for draft in drafts] == [item.key for item in items]
    pushed = Counter(draft.sku for draft in drafts if draft.state == "matched")
    assert all(count == 1 for count in pushed.values())
    assert None not in pushed
    assert all(draft.reason for draft in drafts if draft.state != "matched")
    ignored = {ref for ref, choice in choices.items() if choice.kind == "ignored"}
    assert {draft.key.item_ref for draft in drafts if draft.state == "ignored"} == ignored & {
        item.key.item_ref for item in items
    }


@given(catalogues())
def test_what_a_linked_item_sells_is_told_of_the_sku_that_it_shows(
    catalogue: tuple[list[CatalogueItem], Mapping[str, ItemChoice]],
) -> None:
    items, choices = catalogue
    drafts = match_catalogue(items, choices)
    holders = {holder.sku: holder.held_by for holder in holders_of(drafts)}
    for draft in drafts:
        if draft.state == "matched" and draft.store_sku != draft.sku:
            assert draft.store_sku is not None
            assert holders[draft.store_sku] == draft.sku
            assert [item.sku for item in items].count(draft.store_sku) == 1


@given(catalogues(), st.sampled_from(["A", "B", "P"]))
def test_a_link_that_is_let_through_is_pushed(
    catalogue: tuple[list[CatalogueItem], Mapping[str, ItemChoice]], sku: str
) -> None:
    items, choices = catalogue
    for item in items:
        ref = item.key.item_ref
        if link_problem(items, choices, ref, sku) is None:
            drafts = match_catalogue(items, {**choices, ref: ItemChoice("linked", sku)})
            (linked,) = [draft for draft in drafts if draft.key.item_ref == ref]
            assert (linked.state, linked.sku) == ("matched", sku)
