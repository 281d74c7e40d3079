"""Prokip's connector: recording sales and finding them again. Sections are those of the fact list."""

from typing import Any

import pytest

from tests.contract.sandbox.conftest import ConnectorClient, refusal


async def test_3_a_sale_is_200_and_a_bare_array_with_numbers(connector: ConnectorClient) -> None:
    answer = await connector.call("POST", "/sell", {"sells": [connector.sale(connector.line("AB1", 2))]})
    assert answer.status == 200
    [element] = answer.body
    assert (type(element["id"]), element["status"], element["final_total"]) == (int, "final", 200)
    assert (element["ref_no"], "payment_status" in element) == ("", False)
    [line] = element["sell_lines"]
    variation = connector.server.variation("AB1")
    assert (line["product_id"], line["variation_id"], line["quantity"]) == (variation.product_id, variation.id, 2)
    assert element.keys() >= {"invoice_no", "invoice_url", "payment_link"}
    assert (connector.server.stock("AB1"), connector.server.stock("AB1", "BL0002")) == (9, 11)


async def test_3_totals_are_recomputed_and_unknown_fields_ignored(connector: ConnectorClient) -> None:
    lines = (
        connector.line("AB1", 2, unit_price=50.5, unit_price_inc_tax=1, total_price=1, sku="X", name="Y"),
        connector.line("AB10", "1.5"),
    )
    sale = connector.sale(
        *lines, final_total=7, payment_status="paid", type="purchase", ref_no="R", custom_field_1="c", platform="woo"
    )
    [element] = await connector.post_sales(sale)
    assert (element["final_total"], element["type"], element["ref_no"]) == (251, "sell", "")
    assert not {"custom_field_1", "platform"} & element.keys()
    [more] = await connector.post_sales(sale | {"discount_amount": 1, "shipping_charges": 20})
    assert more["final_total"] == 270
    [percentage] = await connector.post_sales(sale | {"discount_amount": 10, "discount_type": "percentage"})
    assert percentage["final_total"] == 225.9


async def test_3_payments_decide_what_is_due(connector: ConnectorClient) -> None:
    for paid, status in (([], "due"), ([40], "partial"), ([40, 60], "paid")):
        payments = [{"amount": amount, "method": "other", "paid_on": "2020-01-01"} for amount in paid]
        sale = await connector.sell("AB10", payments=payments)
        [found] = await connector.rows(f"/sell/{sale['id']}")
        assert (found["payment_status"], len(found["payment_lines"])) == (status, len(paid))
        assert found["final_total"] == "100.0000"


async def test_3_the_way_of_paying_is_not_checked(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", payments=[{"amount": 100, "method": "barter"}])
    [found] = await connector.rows(f"/sell/{sale['id']}")
    assert [payment["method"] for payment in found["payment_lines"]] == ["barter"]


async def test_3_notes_and_free_fields_are_kept(connector: ConnectorClient) -> None:
    kept = {"source": "tag", "staff_note": "n", "service_custom_field_1": "1", "service_custom_field_6": "6"}
    sale = await connector.sell("AB1", sale_note="s", **kept)
    [found] = await connector.rows(f"/sell/{sale['id']}")
    assert found.items() >= (kept | {"additional_notes": "s"}).items()


@pytest.mark.parametrize(
    "lines", ["x", 7, {"a": 1}, [7], [{}], [{"product_id": [1]}], [{"product_id": {"a": 1}, "quantity": "many"}]]
)
async def test_3_nonsense_is_a_failed_element_like_any_other(connector: ConnectorClient, lines: Any) -> None:
    for sale in (connector.sale() | {"products": lines}, connector.sale(connector.line("AB1", "many")), "x", None):
        [element] = await connector.post_sales(sale)
        assert refusal(element)
    assert connector.server.stock("AB1") == 11


@pytest.mark.parametrize("body", [{"location_id": 101, "products": []}, {"sells": []}, {"sells": "x"}, {}, [1]])
async def test_3_any_other_top_level_shape_is_a_200_that_says_invalid(connector: ConnectorClient, body: Any) -> None:
    answer = await connector.call("POST", "/sell", body)
    assert answer.status == 200
    [element] = answer.body
    assert refusal(element) == "Invalid form data"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("contact_id", 1, "No query results for model [App\\Contact] 1"),  # another business's walk-in customer
        ("contact_id", 32, "No query results for model [App\\Contact] 32"),  # a supplier
        ("contact_id", None, "No query results for model [App\\Contact]."),
        ("location_id", 999, "No query results for model [App\\BusinessLocation] 999"),
        ("location_id", "BL0001", "No query results for model [App\\BusinessLocation] BL0001"),
        ("products", [], "No products added"),
        ("products", [{"product_id": 9999}], "No query results for model [App\\Product] 9999"),
    ],
)
async def test_3_what_is_not_of_this_business_fails_inside_a_200(
    connector: ConnectorClient, field: str, value: Any, message: str
) -> None:
    [element] = await connector.post_sales(connector.sale(connector.line("AB1")) | {field: value})
    assert refusal(element) == message
    assert connector.server.stock("AB1") == 11


@pytest.mark.parametrize("wrong", ["missing", "the product's", "another product's"])
async def test_3_a_wrong_variation_fails_in_the_generations_own_words(connector: ConnectorClient, wrong: str) -> None:
    line = connector.line("AB1")
    line["variation_id"] = {
        "missing": None,
        "the product's": line["product_id"],
        "another product's": connector.server.variation("AB10").id,
    }[wrong]
    [element] = await connector.post_sales(connector.sale(line))
    assert refusal(element) == (
        "Trying to get property 'sell_price_inc_tax' of non-object"
        if connector.server.erp.generation == "legacy"
        else 'Attempt to read property "sell_price_inc_tax" on null'
    )


async def test_3_each_sale_of_a_batch_stands_alone_and_keeps_its_place(connector: ConnectorClient) -> None:
    good, bad = connector.sale(connector.line("AB1", 2)), connector.sale(connector.line("AB1"), contact_id=1)
    first, second, third = await connector.post_sales(good, bad, good)
    assert refusal(second).startswith("No query results")
    assert first["id"] < third["id"]
    assert connector.server.stock("AB1") == 7


async def test_3_quantities_alone_do_not_refuse_a_sale(connector: ConnectorClient) -> None:
    await connector.sell("AB1", 20)
    assert connector.server.stock("AB1") == -9


async def test_3_without_overselling_purchases_must_cover_the_sale_and_all_of_it_is_undone(
    connector: ConnectorClient,
) -> None:
    server = connector.server
    server.erp.allow_overselling = False
    server.set_layers("AB10", 3)  # 110 are there, purchases of 3 were entered
    [element] = await connector.post_sales(connector.sale(connector.line("AB1"), connector.line("AB10", 5)))
    assert refusal(element) == (
        "ERROR: NOT ALLOWED: Mismatch between sold and purchase quantity. Product: AB10 SKU: AB10 Quantity: 2.0000"
    )
    assert (server.stock("AB1"), server.stock("AB10"), server.layers("AB1"), server.layers("AB10")) == (11, 110, 11, 3)
    assert server.sales == []
    await connector.sell("AB10", 3)
    assert (server.stock("AB10"), server.layers("AB10")) == (107, 0)


async def test_3_without_a_stock_row_a_sale_makes_one_below_nothing_or_none_when_refused(
    connector: ConnectorClient,
) -> None:
    connector.server.erp.allow_overselling = False
    [element] = await connector.post_sales(connector.sale(connector.line("NO-ROW")))
    assert "Mismatch" in refusal(element)
    with pytest.raises(KeyError):
        connector.server.stock("NO-ROW")
    connector.server.erp.allow_overselling = True
    await connector.sell("NO-ROW")
    assert connector.server.stock("NO-ROW") == -1


async def test_3_untracked_goods_are_sold_without_stock(connector: ConnectorClient) -> None:
    connector.server.erp.allow_overselling = False
    await connector.sell("UNTRACKED", 5)
    with pytest.raises(KeyError):
        connector.server.stock("UNTRACKED")


async def test_3_a_draft_moves_no_stock_has_no_payment_and_no_lines_in_its_answer(connector: ConnectorClient) -> None:
    draft = await connector.sell("AB1", status="draft", payments=[{"amount": 100, "method": "cash"}])
    assert (draft["status"], "sell_lines" in draft, connector.server.stock("AB1")) == ("draft", False, 11)
    [found] = await connector.rows(f"/sell/{draft['id']}")
    assert (found["payment_lines"], len(found["sell_lines"])) == ([], 1)


async def test_3_a_repeated_invoice_number_is_a_second_sale(connector: ConnectorClient) -> None:
    first, second = [await connector.sell("AB1", 2, invoice_no="sync-1") for _ in range(2)]
    assert first["id"] != second["id"]
    assert first["invoice_no"] == second["invoice_no"] == "sync-1"
    assert (connector.server.stock("AB1"), connector.server.recorded("AB1")) == (7, 4)


async def test_3_a_negative_quantity_is_not_refused_and_raises_stock(connector: ConnectorClient) -> None:
    connector.server.erp.allow_overselling = False
    await connector.sell("AB1", -2)
    assert (connector.server.stock("AB1"), connector.server.layers("AB1")) == (13, 13)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2026-11-25 10:00:00", "2026-11-25 10:00:00"),
        ("2026-11-25T10:00:00Z", "2026-11-25 10:00:00"),  # the zone is lost without a word
        ("yesterday", "0000-00-00 00:00:00"),
        (None, "2026-11-26 00:30:00"),  # now, in Lagos
    ],
)
async def test_3_a_date_is_taken_as_the_business_local_time(
    connector: ConnectorClient, given: str | None, stored: str
) -> None:
    sale = await connector.sell("AB1", transaction_date=given)
    assert sale["transaction_date"] == stored
    assert [row["transaction_date"] for row in await connector.rows(f"/sell/{sale['id']}")] == [stored]


async def test_3_sales_are_listed_oldest_first_ten_at_a_time(connector: ConnectorClient) -> None:
    made = [(await connector.sell("AB10", invoice_no=f"i-{n}"))["id"] for n in range(12)]
    assert [row["id"] for row in await connector.rows("/sell")] == made[:10]
    newest = await connector.rows("/sell?order_by_date=desc&per_page=100")
    assert len(newest) == 12


async def test_3_there_is_no_filter_by_invoice_number(connector: ConnectorClient) -> None:
    for number in ("one", "two"):
        await connector.sell("AB1", invoice_no=number)
    assert len(await connector.rows("/sell?invoice_no=one&search=one")) == 2


async def test_3_sales_are_found_by_tag_place_and_day(connector: ConnectorClient) -> None:
    mine = await connector.sell("AB1", source="sync-tag", transaction_date="2026-11-25 23:59:59")
    await connector.sell("AB1", source="sync-tag", transaction_date="2026-11-26 00:00:00")
    await connector.sell("AB1", source="other", transaction_date="2026-11-25 12:00:00")
    await connector.sell("AB1", source="sync-tag", transaction_date="2026-11-25 12:00:00", location_id=102)
    found = await connector.rows("/sell?source=sync-tag&location_id=101&start_date=2026-11-25&end_date=2026-11-25")
    assert [row["id"] for row in found] == [mine["id"]]
    assert found[0]["contact"]["id"] == connector.server.walk_in_id
    line = found[0]["sell_lines"][0]
    assert (line["quantity"], line["quantity_returned"]) == (1, "0.0000")
    assert not {"sku", "name", "sub_sku"} & line.keys()


async def test_3_the_word_woocommerce_as_a_source_finds_no_sale_of_ours(connector: ConnectorClient) -> None:
    await connector.sell("AB1", source="woocommerce")
    assert await connector.rows("/sell?source=woocommerce") == []


async def test_3_sales_of_one_day_keep_their_order_when_sorted_by_date(connector: ConnectorClient) -> None:
    dates = ["2026-11-20 10:00:00", "2026-11-22 10:00:00", "2026-11-21 10:00:00"]
    for date in dates:
        await connector.sell("AB1", transaction_date=date)
    listed = [row["transaction_date"] for row in await connector.rows("/sell?order_by_date=desc")]
    assert listed == sorted(dates, reverse=True)
    assert [row["transaction_date"] for row in await connector.rows("/sell?order_by_date=asc")] == sorted(dates)


async def test_3_the_status_filter_is_modern_and_the_old_one_does_not_know_it(connector: ConnectorClient) -> None:
    await connector.sell("AB1")
    await connector.sell("AB1", status="draft")
    found = await connector.rows("/sell?status=draft")
    assert len(found) == (2 if connector.server.erp.generation == "legacy" else 1)


async def test_3_other_filters_of_the_list(connector: ConnectorClient) -> None:
    await connector.sell("AB1", contact_id=33, shipping_status="packed", payments=[{"amount": 100, "method": "cash"}])
    await connector.sell("AB1")
    for query, number in {
        "contact_id=33": 1,
        "payment_status=paid": 1,
        "payment_status=due,partial": 1,
        "shipping_status=packed": 1,
        "user_id=9": 2,
        "user_id=8": 0,
    }.items():
        assert len(await connector.rows(f"/sell?{query}")) == number, query


async def test_3_a_sale_by_number_has_no_filter_and_an_unknown_number_gives_nothing(
    connector: ConnectorClient,
) -> None:
    sale = await connector.sell("AB1")
    made = (await connector.give_back(sale, 1)).body
    both = await connector.rows(f"/sell/{sale['id']},{made['id']},77")
    assert [(row["id"], row["type"]) for row in both] == [(sale["id"], "sell"), (made["id"], "sell_return")]
    answer = await connector.call("GET", "/sell/77")
    assert (answer.status, answer.body) == (200, {"data": []})


async def test_3_a_change_keeps_named_lines_and_deletes_the_others(connector: ConnectorClient) -> None:
    [sale] = await connector.post_sales(connector.sale(connector.line("AB1", 2), connector.line("AB10", 10)))
    kept, gone = sale["sell_lines"]
    answer = await connector.call(
        "PUT", f"/sell/{sale['id']}", {"products": [{"sell_line_id": kept["id"], "quantity": 3}]}
    )
    assert (answer.status, answer.body["id"], answer.body["final_total"]) == (200, sale["id"], "300.0000")
    [found] = await connector.rows(f"/sell/{sale['id']}")
    assert [line["id"] for line in found["sell_lines"]] == [kept["id"]] != [gone["id"]]
    assert (connector.server.stock("AB1"), connector.server.stock("AB10")) == (8, 110)
    assert (connector.server.layers("AB1"), connector.server.layers("AB10")) == (8, 110)


async def test_3_a_change_to_draft_gives_stock_back_and_to_final_takes_it_again(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 2)
    lines = [{"sell_line_id": sale["sell_lines"][0]["id"]}]
    for status, stock in (("draft", 11), ("final", 9)):
        await connector.call("PUT", f"/sell/{sale['id']}", {"status": status, "products": lines})
        assert connector.server.stock("AB1") == stock


async def test_3_a_change_deletes_payments_that_it_does_not_name(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", payments=[{"amount": 30, "method": "cash"}, {"amount": 70, "method": "card"}])
    [found] = await connector.rows(f"/sell/{sale['id']}")
    kept = found["payment_lines"][1]
    lines = [{"sell_line_id": sale["sell_lines"][0]["id"]}]
    change = {"products": lines, "payments": [{"payment_id": kept["id"], "amount": 70, "method": "card"}]}
    answer = await connector.call("PUT", f"/sell/{sale['id']}", change)
    assert [payment["id"] for payment in answer.body["payment_lines"]] == [kept["id"]]


async def test_3_a_refused_change_has_a_real_status_and_changes_nothing(connector: ConnectorClient) -> None:
    server = connector.server
    sale = await connector.sell("AB1", 2)
    server.erp.allow_overselling = False
    lines = [{"sell_line_id": sale["sell_lines"][0]["id"], "quantity": 50}]
    answer = await connector.call("PUT", f"/sell/{sale['id']}", {"products": lines})
    assert answer.status == 400
    assert "Mismatch" in answer.body["error"]["message"]
    assert (server.stock("AB1"), server.layers("AB1"), server.recorded("AB1")) == (9, 9, 2)
    missing = await connector.call("PUT", "/sell/77", {"products": lines})
    assert (missing.status, missing.body) == (
        404,
        {"error": {"message": "No query results for model [App\\Transaction] 77"}},
    )


async def test_3_a_deleted_sale_gives_its_stock_back(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 2)
    answer = await connector.call("DELETE", f"/sell/{sale['id']}")
    assert (answer.status, answer.body["success"]) == (200, True)
    assert (connector.server.stock("AB1"), connector.server.layers("AB1"), connector.server.sales) == (11, 11, [])


async def test_3_deleting_an_unknown_sale_is_a_success_too(connector: ConnectorClient) -> None:
    assert (await connector.call("DELETE", "/sell/77")).body["success"] is True


async def test_3_a_sale_with_a_return_is_not_deleted(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 2)
    await connector.give_back(sale, 1)
    answer = await connector.call("DELETE", f"/sell/{sale['id']}")
    assert (answer.status, answer.body) == (
        200,
        {"success": False, "msg": "Return exist for the Transaction, edit the return instead."},
    )
    assert connector.server.stock("AB1") == 10
