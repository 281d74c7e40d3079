from typing import Any

import pytest

from prokip_shared.platforms import woocommerce_wire as wire
from prokip_shared.platforms.errors import StoreUnavailable
from prokip_shared.platforms.store import ItemKey, Level, QuantityWrite


def line(item_ref: str, quantity: int) -> QuantityWrite:
    return QuantityWrite(ItemKey(item_ref), f"SKU-{item_ref}", quantity, 1)


def product(item_id: int, quantity: int | None, *, managed: Any = True) -> dict[str, Any]:
    return {"id": item_id, "manage_stock": managed, "stock_quantity": quantity}


def test_each_item_of_a_batch_answer_is_looked_at() -> None:
    lines = [line(str(n), 5) for n in range(1, 6)]
    answer = {
        "update": [
            product(1, 5),
            {"id": 2, "error": {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID."}},
            product(3, None, managed=False),
            product(4, 6),
            {"id": 5, "error": {"code": "product_invalid_sku", "message": "Invalid or duplicated SKU."}},
        ]
    }
    results = wire.batch_results(lines, answer)
    assert [results[one.key].outcome for one in lines] == ["written", "gone", "not_tracked", "refused", "refused"]


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, {"update": []}, {"update": [product(2, 5)]}, {"update": ["x"]}, {"update": [product(1, 5)] * 2}],
)
def test_an_answer_that_does_not_fit_the_request_is_none(answer: Any) -> None:
    with pytest.raises(StoreUnavailable):
        wire.batch_results([line("1", 5)], answer)


def test_a_batch_holds_whole_numbers_only() -> None:
    assert wire.batch_body([line("7", 0)]) == {"update": [{"id": 7, "stock_quantity": 0}]}


@pytest.mark.parametrize(
    ("managed", "quantity", "level"),
    [
        (True, 7, Level("own", 7)),
        (True, None, Level("own", 0)),
        (False, None, Level("untracked", None)),
        ("parent", 7, Level("parent", None)),
    ],
)
def test_who_holds_the_stock_is_read_from_manage_stock(managed: Any, quantity: int | None, level: Level) -> None:
    assert wire.level_of(product(1, quantity, managed=managed)) == level


def test_a_variation_without_a_sku_of_its_own_does_not_borrow_its_parents() -> None:
    parent = wire.catalogue_product({"id": 1, "sku": "PAR", "manage_stock": True, "stock_quantity": 9})
    own = wire.catalogue_variation({"id": 2, "sku": "PAR-S", "manage_stock": "parent"}, parent)
    borrowed = wire.catalogue_variation({"id": 3, "sku": "PAR", "manage_stock": True, "stock_quantity": 1}, parent)
    assert (own.sku, own.parent_sku, own.key.parent_ref) == ("PAR-S", "PAR", "1")
    assert borrowed.sku is None


def test_items_that_a_read_does_not_return_are_gone() -> None:
    keys = [ItemKey("1"), ItemKey("2")]
    assert wire.levels_of(keys, [product(1, 4)]) == {keys[0]: Level("own", 4), keys[1]: Level("gone", None)}


@pytest.mark.parametrize(
    ("home", "key"),
    [
        ("https://Shop.Example.test/", "https://shop.example.test"),
        ("https://shop.example.test:443/sub/", "https://shop.example.test/sub"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_home_addresses_are_compared_in_one_form(home: str, key: str) -> None:
    assert wire.store_key(home) == key
