"""Prokip's connector: returns, whose quantities are cumulative. Sections are those of the fact list."""

import pytest

from tests.contract.sandbox.conftest import ConnectorClient


async def test_4_the_quantity_is_what_was_returned_in_all(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 5)
    for quantity, stock in ((2, 8), (2, 8), (3, 9), (1, 7), (0, 6)):
        assert (await connector.give_back(sale, quantity)).status in {200, 201}
        assert (connector.server.stock("AB1"), connector.server.layers("AB1")) == (stock, stock)


async def test_4_the_first_return_is_201_and_later_ones_change_it(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 5)
    first, second = await connector.give_back(sale, 1), await connector.give_back(sale, 2)
    assert (first.status, second.status) == (201, 200)
    assert first.body["id"] == second.body["id"]
    assert (first.body["type"], first.body["return_parent_id"]) == ("sell_return", sale["id"])
    assert first.body["invoice_no"].startswith("CN")
    assert (first.body["final_total"], second.body["final_total"]) == (100, 200)


async def test_4_the_total_is_of_the_lines_sent_only(connector: ConnectorClient) -> None:
    [sale] = await connector.post_sales(connector.sale(connector.line("AB1", 2), connector.line("AB10", 2)))
    both = [{"sell_line_id": line["id"], "quantity": 1, "unit_price_inc_tax": 100} for line in sale["sell_lines"]]
    body = {"transaction_id": sale["id"], "products": both, "discount_amount": 10, "discount_type": "percentage"}
    assert (await connector.call("POST", "/sell-return", body)).body["final_total"] == 180
    one = await connector.call("POST", "/sell-return", {"transaction_id": sale["id"], "products": both[:1]})
    assert one.body["final_total"] == 100
    [found] = await connector.rows(f"/sell/{sale['id']}")
    assert [line["quantity_returned"] for line in found["sell_lines"]] == ["1.0000", "1.0000"]


async def test_4_more_than_was_sold_is_not_refused(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 1)
    assert (await connector.give_back(sale, 5)).status == 201
    assert connector.server.stock("AB1") == 15


async def test_4_an_unknown_line_is_passed_over_in_silence(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 2)
    line = {"sell_line_id": 9_999_999, "quantity": 1, "unit_price_inc_tax": 100}
    answer = await connector.call("POST", "/sell-return", {"transaction_id": sale["id"], "products": [line]})
    assert (answer.status, answer.body["type"], connector.server.stock("AB1")) == (201, "sell_return", 9)


async def test_4_a_date_makes_it_fail_although_documented(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 2)
    answer = await connector.give_back(sale, 1, transaction_date="2026-11-25 10:00:00")
    assert (answer.status, answer.body.keys(), connector.server.stock("AB1")) == (400, {"error"}, 9)


async def test_4_no_products_are_an_internal_error(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 2)
    answer = await connector.call("POST", "/sell-return", {"transaction_id": sale["id"], "products": []})
    assert (answer.status, answer.body) == (500, {"message": "Server Error"})


async def test_4_an_unknown_sale_is_a_real_404(connector: ConnectorClient) -> None:
    line = {"sell_line_id": 1, "quantity": 1, "unit_price_inc_tax": 1}
    answer = await connector.call("POST", "/sell-return", {"transaction_id": 77, "products": [line]})
    assert answer.status == 404
    assert answer.body["error"]["message"] == "No query results for model [App\\Transaction] 77"


@pytest.mark.parametrize("missing", ["sell_line_id", "quantity", "unit_price_inc_tax"])
async def test_4_all_three_fields_of_a_line_are_needed(connector: ConnectorClient, missing: str) -> None:
    sale = await connector.sell("AB1", 2)
    line = {"sell_line_id": sale["sell_lines"][0]["id"], "quantity": 1, "unit_price_inc_tax": 100}
    del line[missing]
    answer = await connector.call("POST", "/sell-return", {"transaction_id": sale["id"], "products": [line]})
    assert (answer.status, missing in answer.body["error"]["message"]) == (400, True)
    assert connector.server.stock("AB1") == 9


async def test_4_returns_are_listed_by_their_sale(connector: ConnectorClient) -> None:
    sales = [await connector.sell("AB1", 2) for _ in range(2)]
    for sale in sales:
        await connector.give_back(sale, 1)
    [row] = await connector.rows(f"/list-sell-return?sell_id={sales[0]['id']}&per_page=-1")
    assert row["return_parent_sell"]["id"] == sales[0]["id"]
    assert [line["quantity_returned"] for line in row["return_parent_sell"]["sell_lines"]] == ["1.0000"]
    assert len(await connector.rows("/list-sell-return")) == 2


async def test_4_a_return_overwrites_what_was_sold_while_it_ran(connector: ConnectorClient) -> None:
    server = connector.server
    sale = await connector.sell("AB1", 2)
    server.interleave_returns(lambda: server.counter_sale({"AB1": 1}))
    await connector.give_back(sale, 1)
    assert server.stock("AB1") == 10  # 11 - 2 + 1: the counter's unit is lost
    server.interleave_returns(None)
    await connector.give_back(sale, 2)
    assert server.stock("AB1") == 11


async def test_4_simple_refunds_are_deltas_on_the_same_lines(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 5)
    await connector.give_back(sale, 1)
    back = {"items": [{"sku": "AB1", "quantity": 2}]}
    connector.token = connector.server.token
    assert (await connector.call("POST", f"{connector.server.url}/sells/{sale['id']}/refund", back)).status == 201
    await connector.log_in()
    [found] = await connector.rows(f"/sell/{sale['id']}")
    assert found["sell_lines"][0]["quantity_returned"] == "3.0000"
    assert connector.server.recorded("AB1") == 2
