"""What is planned for a product of Prokip, given what the store has."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prokip_shared.platforms.store import CatalogueItem, ItemKey, Level
from store_push.domain.product_plans import (
    Choice,
    ProkipProduct,
    ProkipVariation,
    Wishes,
    new_product,
    plan_product,
)


def product(*variations: tuple[str | None, str, str | None], **more: Any) -> ProkipProduct:
    """Of (SKU, name, price)."""
    fields: dict[str, Any] = {
        "product_id": 20,
        "name": "Shirt",
        "sku": "SHIRT",
        "tracked": True,
        "inactive": False,
        "for_sale": True,
        "image_url": None,
        "option": "Size" if len(variations) > 1 else "",
        **more,
    }
    told = tuple(
        ProkipVariation(variation_id=301 + n, sku=sku, name=name, price=None if price is None else Decimal(price))
        for n, (sku, name, price) in enumerate(variations)
    )
    return ProkipProduct(variations=told, **fields)


def item(ref: str, sku: str, price: str | None = "10.00", product_ref: str = "9") -> CatalogueItem:
    return CatalogueItem(
        ItemKey(ref), sku, Level("own", 1), product_ref=product_ref, price=None if price is None else Decimal(price)
    )


SIZES = (("S-S", "S", "10.00"), ("S-M", "M", "12.50"))
UPDATE = Wishes(update=True)


def test_what_the_store_does_not_have_is_made_with_its_variations_and_prices() -> None:
    planned = plan_product(product(*SIZES), [], Wishes(), Choice())
    assert planned.action == "create"
    made = new_product(product(*SIZES), planned, Wishes(), Choice())
    assert [(one.sku, one.option, one.price) for one in made.variants] == [
        ("S-S", "S", Decimal("10.00")),
        ("S-M", "M", Decimal("12.50")),
    ]
    assert (made.made_for, made.sku, made.option, made.published) == ("20", "SHIRT", "Size", False)


def test_a_product_s_own_sku_that_a_variation_has_is_not_given_twice() -> None:
    twin = product(*SIZES, sku="S-S")
    assert new_product(twin, plan_product(twin, [], Wishes(), Choice()), Wishes(), Choice()).sku is None


def test_chosen_prices_and_images_go_before_prokip_s() -> None:
    choice = Choice(prices={"A": Decimal("7.5")}, image_url="https://img.example.test/a.png")
    single = product(("A", "", None), image_url="https://prokip.example.test/a.png")
    assert plan_product(single, [], Wishes(), Choice()).why == "Prokip tells no price of A; choose one"
    planned = plan_product(single, [], Wishes(), choice)
    made = new_product(single, planned, Wishes(publish=True), choice)
    assert (made.variants[0].price, made.image_url, made.published) == (Decimal("7.5"), choice.image_url, True)


def test_prices_are_changed_only_where_that_is_wanted_and_they_differ() -> None:
    found = [item("1", "S-S"), item("2", "S-M")]
    assert plan_product(product(*SIZES), found, Wishes(), Choice()).action == "leave"
    planned = plan_product(product(*SIZES), found, UPDATE, Choice())
    assert [(one.sku, one.before, one.after) for one in planned.changes] == [
        ("S-M", Decimal("10.00"), Decimal("12.50"))
    ]
    assert planned.why == "S-M from 10.00 to 12.50"
    same = [item("1", "S-S"), item("2", "S-M", "12.5")]
    assert plan_product(product(*SIZES), same, UPDATE, Choice()).why == "the store has it as it should be"


def test_what_is_ambiguous_or_not_sold_is_left_with_the_reason() -> None:
    twice = [item("1", "A"), item("2", "A")]
    apart = [item("1", "S-S", product_ref="8"), item("2", "S-M", product_ref="9")]
    cases = [
        (plan_product(product(("A", "", "1")), twice, UPDATE, Choice()), "several items of the store"),
        (plan_product(product(*SIZES), apart, UPDATE, Choice()), "several products of the store"),
        (plan_product(product((None, "", "1")), [], Wishes(), Choice()), "SKU of its own"),
        (plan_product(product(("A", "", "1"), inactive=True), [], Wishes(), Choice()), "inactive"),
        (plan_product(product(("A", "", "1"), for_sale=False), [], Wishes(), Choice()), "not for sale"),
        (plan_product(product(("A", "", "1"), tracked=False), [], Wishes(), Choice()), "does not count"),
        (plan_product(product(("A", "", "1")), [], Wishes(create=False), Choice()), "not wanted"),
        (plan_product(product(("A", "", "1")), [], Wishes(), Choice(leave=True)), "chose to leave it"),
        (plan_product(product(("A", "S", "1"), ("B", "S", "1")), [], Wishes(), Choice()), "do not differ"),
    ]
    for planned, why in cases:
        assert planned.action == "leave"
        assert why in planned.why


def test_a_part_that_the_store_lacks_is_named_and_the_rest_is_changed() -> None:
    planned = plan_product(product(*SIZES), [item("1", "S-S", "9.00")], UPDATE, Choice())
    assert planned.action == "update"
    assert planned.why == "S-S from 9.00 to 10.00; the store lacks S-M, to be added there"


PRICES = st.one_of(st.none(), st.decimals(0, 1000, places=2).map(str))


@given(
    st.lists(st.tuples(st.sampled_from(["A", "B", "C", None]), st.sampled_from(["S", "M", ""]), PRICES), max_size=3),
    st.lists(st.tuples(st.sampled_from(["A", "B", "C"]), st.sampled_from(["8", "9"])), max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_every_product_has_one_plan_and_a_reason(
    variations: list[tuple[str | None, str, str | None]], store: list[tuple[str, str]], create: bool, update: bool
) -> None:
    skus = {sku for sku, _, _ in variations}
    found = [item(str(n), sku, "5.00", ref) for n, (sku, ref) in enumerate(store) if sku in skus]
    wishes = Wishes(create=create, update=update)
    planned = plan_product(product(*variations), found, wishes, Choice())
    assert planned.why
    assert (planned.action == "create") <= (not found and create)
    assert (planned.action == "update") <= (bool(found) and update)
    assert all(change.before != change.after for change in planned.changes)
    if planned.action == "create":
        made = new_product(product(*variations), planned, wishes, Choice())
        assert {variant.sku for variant in made.variants} == skus
