"""The simple dialect over real HTTP: what each way of failing means, and what the person who set it up reads."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from aiohttp import ClientSession

from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import ProkipServer
from prokip_shared.http import open_client
from prokip_shared.platforms.prokip import (
    InDoubt,
    NotAuthorised,
    Refused,
    ReturnedItem,
    Sale,
    SoldItem,
    Unavailable,
    Unsupported,
)
from prokip_shared.platforms.prokip_simple import SimpleLimits, SimpleProkip
from tests.integration.poller.world import LOCATION

LIMITS = SimpleLimits(connect_timeout_s=10, read_timeout_s=30, post_timeout_s=30)
IMPATIENT = SimpleLimits(connect_timeout_s=10, read_timeout_s=0.5, post_timeout_s=0.5)
SOLD_AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TWO_OF_A = Sale([SoldItem("A", Decimal(2))], "r1", SOLD_AT)


def back(units: str) -> ReturnedItem:
    return ReturnedItem("A", Decimal(units), returned_total=Decimal(units))


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with open_client(allowed_private_hosts=["127.0.0.1"], timeout_s=5) as session:
        yield session


@pytest.fixture
def client_of(session: ClientSession, prokip: ProkipServer) -> Callable[..., SimpleProkip]:
    def create_client(
        *, api_url: str | None = None, token: str | None = None, limits: SimpleLimits = LIMITS
    ) -> SimpleProkip:
        return SimpleProkip(session, api_url=api_url or f"{prokip.url}/", token=token or prokip.token, limits=limits)

    return create_client


async def test_good_settings_are_fine_and_tell_how_much_is_there(client_of: Callable[..., SimpleProkip]) -> None:
    checked = await client_of().check(LOCATION)
    assert (checked.skus, checked.problem) == (3, None)


async def test_a_check_says_in_plain_words_what_is_wrong(
    client_of: Callable[..., SimpleProkip], prokip: ProkipServer
) -> None:
    async def problem(client: SimpleProkip, location: str = LOCATION) -> str:
        return (await client.check(location)).problem or ""

    assert "does not accept the token" in await problem(client_of(token="wrong"))
    assert "Unknown location NOWHERE" in await problem(client_of(), "NOWHERE")
    assert "cannot be reached" in await problem(client_of(api_url="http://127.0.0.1:1"))
    assert "private or local address" in await problem(client_of(api_url="http://localhost:1"))
    assert "not its address" in await problem(client_of(api_url=f"{prokip.url}/elsewhere"))
    prokip.faults.add(Fault("wrong_type"))
    assert "address of a Prokip API?" in await problem(client_of())
    prokip.faults.add(Fault("timeout_before", hold_s=5))
    assert "did not answer within" in await problem(client_of(limits=IMPATIENT))
    assert "too large" in await problem(client_of(limits=SimpleLimits(stock_bytes_max=10)))


async def test_a_sale_and_its_refund_reach_prokip(client_of: Callable[..., SimpleProkip], prokip: ProkipServer) -> None:
    sell_id = (await client_of().record_sale(LOCATION, TWO_OF_A)).sell_id
    await client_of().give_back(sell_id, [back("0.5")])
    assert prokip.recorded("A") == 1.5


@pytest.mark.parametrize(
    "kind", ["timeout_before", "timeout_after", "reset_before", "reset_after", "truncated", "status"]
)
async def test_a_sale_without_a_whole_answer_is_in_doubt(
    client_of: Callable[..., SimpleProkip], prokip: ProkipServer, kind: str
) -> None:
    prokip.faults.add(Fault(kind, method="POST", hold_s=5))  # type: ignore[arg-type]  # one of the kinds above
    with pytest.raises(InDoubt):
        await client_of(limits=IMPATIENT if "timeout" in kind else LIMITS).record_sale(LOCATION, TWO_OF_A)


async def test_a_sale_that_certainly_did_not_happen_is_told_apart(
    client_of: Callable[..., SimpleProkip], prokip: ProkipServer
) -> None:
    with pytest.raises(Unavailable):
        await client_of(api_url="http://127.0.0.1:1").record_sale(LOCATION, TWO_OF_A)
    with pytest.raises(NotAuthorised):
        await client_of(token="wrong").record_sale(LOCATION, TWO_OF_A)
    with pytest.raises(Refused, match="Unknown sku X"):
        await client_of().record_sale(LOCATION, Sale([SoldItem("X", Decimal(1))], "r1", SOLD_AT))
    prokip.faults.add(Fault("rate_limit", method="POST", retry_after_s=3))
    with pytest.raises(Unavailable) as caught:
        await client_of().record_sale(LOCATION, TWO_OF_A)
    assert caught.value.retry_after_s == 3
    prokip.ledger.policies.serves_refunds = False
    with pytest.raises(Unsupported):
        await client_of().give_back("SELL-1", [back("2")])
    assert prokip.sales == []


async def test_a_token_is_never_in_the_words(client_of: Callable[..., SimpleProkip], prokip: ProkipServer) -> None:
    for api_url in ("http://127.0.0.1:1", f"{prokip.url}/elsewhere"):
        checked = await client_of(api_url=api_url, token="very-secret").check(LOCATION)
        assert checked.problem is not None
        assert "very-secret" not in checked.problem
