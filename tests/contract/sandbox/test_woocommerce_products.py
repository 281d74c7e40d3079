"""Making products by the REST API v3, and what it refuses."""

from tests.contract.sandbox.conftest import WooClient


async def test_a_variable_product_is_made_with_images_meta_data_and_variations(woo: WooClient) -> None:
    attribute = {"name": "Size", "variation": True, "options": ["S", "M"]}
    fields = {
        "name": "Shirt",
        "type": "variable",
        "sku": "SHIRT",
        "status": "draft",
        "images": [{"src": "https://img.example.test/a.png"}],
        "meta_data": [{"key": "_made_for", "value": "20"}],
        "attributes": [attribute],
    }
    made = (await woo.post("/products", fields)).body
    assert (made["status"], made["type"], made["images"][0]["src"]) == (
        "draft",
        "variable",
        "https://img.example.test/a.png",
    )
    assert [(one["key"], one["value"]) for one in made["meta_data"]] == [("_made_for", "20")]
    small = {
        "sku": "SHIRT-S",
        "regular_price": "5.00",
        "manage_stock": True,
        "attributes": [{"name": "Size", "option": "S"}],
    }
    answer = await woo.post(f"/products/{made['id']}/variations/batch", {"create": [small, small]})
    first, second = answer.body["create"]
    assert (first["regular_price"], first["attributes"][0]["option"]) == ("5.00", "S")
    assert second["error"]["code"] == "product_invalid_sku"


async def test_what_is_no_status_price_or_image_is_refused(woo: WooClient) -> None:
    for fields, code in (
        ({"status": "hidden"}, "rest_invalid_param"),
        ({"regular_price": 5}, "rest_invalid_param"),
        ({"images": [{"src": "a.png"}]}, "woocommerce_product_image_upload_error"),
    ):
        answer = await woo.post("/products", {"name": "New", **fields})
        assert (answer.status, answer.body["code"]) == (400, code)
