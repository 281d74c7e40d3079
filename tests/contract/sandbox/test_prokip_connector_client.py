"""Our connector client against the simulated ERP, which shares no code with it: both generations, wrapped lists or not."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from aiohttp import ClientSession
from pydantic import SecretStr

from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import Erp, ProkipServer
from prokip_shared.connections import ConnectorCredentials
from prokip_shared.http import open_client
from prokip_shared.platforms.prokip import (
    InDoubt,
    NotAuthorised,
    RecordedSale,
    Refused,
    ReturnedItem,
    Sale,
    SoldItem,
    StockCheck,
    Unavailable,
)
from prokip_shared.platforms.prokip_connector import ConnectorProkip
from prokip_shared.platforms.prokip_connector_calls import ConnectorCalls, ConnectorLimits, NoPace
from prokip_shared.platforms.prokip_connector_setup import ConnectorSetup
from prokip_shared.platforms.prokip_tokens import MemoryTokens, SignIn

D = Decimal
LIMITS = ConnectorLimits(connect_timeout_s=1, read_timeout_s=5, post_timeout_s=8, page_pause_s=0, page_tries=4)
FORMS = [
    Erp(generation=generation, wrap_success=wrap, throttle_per_min=0)
    for generation in ("legacy", "modern")
    for wrap in (False, True)
]


@pytest.fixture(params=FORMS, ids=lambda erp: f"{erp.generation}{'-wrapped' if erp.wrap_success else ''}")
async def prokip(request: pytest.FixtureRequest) -> AsyncIterator[ProkipServer]:
    server = ProkipServer(locations=("LOC001", "LOC002"), erp=replace(request.param))
    server.add_awkward_goods()
    server.add_product(("A", {"LOC001": 100, "LOC002": 7}))
    async with server.serve():
        yield server


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with open_client(allowed_private_hosts=["127.0.0.1"], timeout_s=5) as session:
        yield session


Calls = Callable[..., ConnectorCalls]


@pytest.fixture
def calls(prokip: ProkipServer, session: ClientSession) -> Calls:
    def create_calls(**wrong: str) -> ConnectorCalls:
        known = prokip.connector_settings() | wrong
        credentials = ConnectorCredentials(
            client_id=str(known["clientId"]),
            client_secret=SecretStr(known["clientSecret"]),
            username=known["username"],
            password=SecretStr(known["password"]),
        )
        tokens = MemoryTokens(SignIn(session, api_url=prokip.url, credentials=credentials))
        return ConnectorCalls(session, api_url=prokip.url, tokens=tokens, pace=NoPace(), limits=LIMITS)

    return create_calls


@pytest.fixture
def client(calls: Calls, prokip: ProkipServer) -> ConnectorProkip:
    return ConnectorProkip(calls(), contact_id=prokip.walk_in_id, timezone=prokip.erp.time_zone, limits=LIMITS)


def place(prokip: ProkipServer, code: str = "LOC001") -> str:
    return str(prokip.location_numbers[code])


async def quantities(client: ConnectorProkip, prokip: ProkipServer, code: str = "LOC001") -> Mapping[str, Decimal]:
    told: dict[str, Decimal] = {}
    async for page in client.stock_pages(place(prokip, code)):
        told |= page.quantities
    return told


def sale(reference: str, units: str = "2", sku: str = "A") -> Sale:
    return Sale([SoldItem(sku, D(units))], reference, datetime.now(UTC))


def back(recorded: RecordedSale, units: str, total: str) -> ReturnedItem:
    return ReturnedItem("A", D(units), D(total), recorded.line_ids["A"])


async def check(calls: ConnectorCalls, location: str, contact_id: int | None = None) -> StockCheck:
    return await ConnectorSetup(calls).check(location, contact_id=contact_id, timezone=None)


async def test_stock_is_that_of_one_location_by_exact_sku(client: ConnectorProkip, prokip: ProkipServer) -> None:
    told = await quantities(client, prokip)
    assert told == {sku: D(str(number)) for sku, number in prokip.held().items() if sku != "INACTIVE"}
    assert [told[sku] for sku in ("AB1", "AB10", "ab1", "HALF", "NEG")] == [D(11), D(110), D(7), D("2.5"), D(-4)]
    assert (await quantities(client, prokip, "LOC002"))["A"] == 7
    (page,) = [page async for page in client.stock_pages(place(prokip))]
    assert set(page.left_alone) == {"UNTRACKED", "INACTIVE", "NO-ROW"}
    assert page.goods["SHIRT-M"].variation_id == prokip.variation("SHIRT-M").id
    assert all(ids.product_id != ids.variation_id for ids in page.goods.values())


async def test_a_large_catalogue_is_read_in_pages(client: ConnectorProkip, prokip: ProkipServer) -> None:
    for number in range(230):
        prokip.add_product((f"MANY-{number}", number))
    pages = [page async for page in client.stock_pages(place(prokip))]
    assert len(pages) == 3
    assert sum(len(page.quantities) for page in pages) == len(prokip.held()) - 1


@pytest.mark.parametrize("sku", ["A", "AB1", "ab1", "AB1 ", "SHIRT-M", "UNTRACKED", "NO-ROW"])
async def test_a_sale_is_of_exactly_this_variation(client: ConnectorProkip, prokip: ProkipServer, sku: str) -> None:
    recorded = await client.record_sale(place(prokip), sale("r-1", "1", sku))
    (held,) = prokip.sales
    assert (held.sell_id, held.reference, [item.sku for item in held.items]) == (recorded.sell_id, "r-1", [sku])
    assert await client.find_sales(place(prokip), [sale("r-1", "1", sku)], whole=True) == {"r-1": recorded}
    assert set(recorded.line_ids) == {sku}


async def test_a_sale_is_found_among_many_by_its_exact_reference(client: ConnectorProkip, prokip: ProkipServer) -> None:
    first = sale("r-1")
    wanted = await client.record_sale(place(prokip), first)
    prokip.set_stock("A", 1000)
    for number in range(10, 120):
        await client.record_sale(place(prokip), sale(f"r-{number}", "1"))
    prokip.counter_sale({"A": 1})
    both = [first, sale("r-")]  # the moment of a sale says how far back to look
    for whole in (True, False):
        assert await client.find_sales(place(prokip), both, whole=whole) == {"r-1": wanted}
        assert await client.find_sales(place(prokip, "LOC002"), both, whole=whole) == {}


async def test_units_go_back_in_total_so_a_repeat_returns_once(client: ConnectorProkip, prokip: ProkipServer) -> None:
    recorded = await client.record_sale(place(prokip), sale("r-1", "3"))
    for _ in range(3):
        await client.give_back(recorded.sell_id, [back(recorded, "1", "1")])
    assert prokip.stock("A") == 98
    await client.give_back(recorded.sell_id, [back(recorded, "2", "3")])
    assert (prokip.stock("A"), prokip.recorded("A")) == (100, 0)
    other = await client.record_sale(place(prokip), sale("r-2", "1"))
    assert await client.returned_units([recorded.sell_id, other.sell_id, "999999", "by hand"]) == {
        recorded.sell_id: {recorded.line_ids["A"]: D(3)},
        other.sell_id: {},
    }


async def test_what_prokip_refuses_inside_a_200_is_refused(client: ConnectorProkip, prokip: ProkipServer) -> None:
    prokip.erp.allow_overselling = False
    prokip.set_layers("A", 1)
    with pytest.raises(Refused, match=r"overselling.*Mismatch between sold and purchase"):
        await client.record_sale(place(prokip), sale("r-1"))
    with pytest.raises(Refused, match="does not know the business location"):
        await client.record_sale("999", sale("r-1"))
    with pytest.raises(Refused, match="no product with the SKU B"):
        await client.record_sale(place(prokip), sale("r-1", sku="B"))
    prokip.delete_variation("A")
    with pytest.raises(Refused, match="no product with the SKU A"):
        await client.record_sale(place(prokip), sale("r-1"))
    assert prokip.sales == []


async def test_a_wrong_customer_is_refused_and_named(calls: Calls, prokip: ProkipServer) -> None:
    client = ConnectorProkip(calls(), contact_id=1, timezone="Africa/Lagos", limits=LIMITS)
    with pytest.raises(Refused, match="customer of our settings"):
        await client.record_sale(place(prokip), sale("r-1"))
    checked = await check(calls(), place(prokip), 1)
    assert checked.problem == "Prokip has no customer 1 that this login may see."


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "status", "truncated"])
async def test_a_doubt_is_settled_by_a_look(client: ConnectorProkip, prokip: ProkipServer, kind: str) -> None:
    prokip.faults.add(Fault(kind, method="POST", path="/sell$"))  # type: ignore[arg-type]  # one of its kinds
    with pytest.raises(InDoubt):
        await client.record_sale(place(prokip), sale("r-1"))
    found = await client.find_sales(place(prokip), [sale("r-1")], whole=True)
    assert set(found) == ({"r-1"} if kind in {"reset_after", "truncated"} else set())
    assert len(prokip.sales) == len(found)


@pytest.mark.parametrize("kind", ["revoke_token", "expire_token"])
async def test_a_login_that_ends_mid_run_costs_nothing(
    client: ConnectorProkip, prokip: ProkipServer, kind: str
) -> None:
    prokip.faults.add(Fault(kind, path="/connector/api/", probability=0.3, times=None))  # type: ignore[arg-type]  # as above
    done = 0
    for number in range(20):
        try:
            await client.record_sale(place(prokip), sale(f"r-{number}", "1"))
            done += 1
        except NotAuthorised:
            assert await client.find_sales(place(prokip), [sale(f"r-{number}")], whole=True) == {}
        except Unavailable:
            continue
    assert len(prokip.sales) == done > 0


async def test_failing_pages_are_read_again(client: ConnectorProkip, prokip: ProkipServer) -> None:
    prokip.faults.add(Fault("status", path="/variation", status=500, times=2))
    prokip.faults.add(Fault("rate_limit", path="/variation", retry_after_s=0, times=1))
    assert (await quantities(client, prokip))["A"] == 100


async def test_good_settings_are_fine_and_tell_what_will_surprise(calls: Calls, prokip: ProkipServer) -> None:
    checked = await check(calls(), place(prokip))
    assert (checked.problem, checked.warnings) == (None, ())
    assert (checked.contact_id, checked.timezone) == (prokip.walk_in_id, "Africa/Lagos")
    prokip.erp.allow_overselling = False
    (warning,) = (await check(calls(), place(prokip))).warnings
    assert "overselling" in warning


async def test_a_check_says_which_setting_is_wrong(calls: Calls, prokip: ProkipServer) -> None:
    async def problem(**wrong: str) -> str:
        return (await check(calls(**wrong), place(prokip))).problem or ""

    assert "login name or the password" in await problem(password="wrong")
    assert "login name or the password" in await problem(username="nobody")
    assert "client id or the client secret" in await problem(clientSecret="wrong")
    assert "Use 101" in ((await check(calls(), "LOC001")).problem or "")
    prokip.erp.may_view_sells = False
    assert "may not see sales" in await problem()
    prokip.erp.may_view_sells, prokip.erp.may_view_contacts = True, False
    assert "lacks a permission" in await problem()
