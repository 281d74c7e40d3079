from prokip_shared.messages import ProductHint, ProductItem
from store_push.domain.products import ToldProduct, gather_products


def hint(count: int | None, **skus: str) -> ProductHint:
    items = tuple(ProductItem(item_ref=ref, sku=sku, tracked=True) for ref, sku in skus.items())
    return ProductHint(product_ref="5", items_count=count, items=items)


def test_what_several_messages_tell_of_one_product_is_put_together() -> None:
    told = gather_products([(2, hint(3)), (1, hint(1, a="X")), (2, hint(None, v="A")), (2, hint(None, v="B", w="C"))])
    assert told == [
        ToldProduct(1, "5", 1, {"a": {"sku": "X", "tracked": True}}),
        ToldProduct(2, "5", 3, {"v": {"sku": "B", "tracked": True}, "w": {"sku": "C", "tracked": True}}),
    ]


def test_of_a_product_that_is_gone_nothing_is_left() -> None:
    assert gather_products([(1, hint(1, a="X")), (1, hint(0))]) == [ToldProduct(1, "5", 0, {})]
