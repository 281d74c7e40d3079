"""Tokens and pace of one account, shared by replicas: each below is an object of its own on one database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import ClientSession
from pydantic import SecretStr

from prokip_poller.domain.attempts import RetryPolicy
from prokip_poller.domain.pace import PaceLimits
from prokip_poller.pace import AccountPace, KnownPaces
from prokip_poller.storage.logins import Logins
from prokip_poller.tokens import KnownTokens, StoredTokens, renew_in_s
from prokip_shared.database import Pool, migrate, open_pool
from prokip_shared.http import open_client
from prokip_shared.platforms.prokip import InDoubt, Refused, Unavailable
from prokip_shared.platforms.prokip_tokens import BadCredentials, SignIn
from prokip_shared.security.vault import Vault
from tests.support.connector import Said, ScriptedConnector
from tests.support.eventually import eventually

BUSINESS = 4
VAULT = Vault(bytes(range(32)))
LIMITS = PaceLimits(interval_s=0.0, burst=1, failures_max=3, probe_s=60.0)
POLICY = RetryPolicy(base_s=30, cap_s=300, refused_s=1800, jitter=0)
Replica = Callable[..., StoredTokens]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    await migrate(database_url, schema="prokip", package="prokip_poller")
    async with await open_pool(database_url, service="test", connections_max=12) as opened:
        yield opened


@pytest.fixture
async def erp() -> AsyncIterator[ScriptedConnector]:
    async with ScriptedConnector().serve() as served:
        yield served


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with open_client(allowed_private_hosts=["127.0.0.1"], timeout_s=5) as session:
        yield session


@pytest.fixture
def replica(pool: Pool, erp: ScriptedConnector, session: ClientSession) -> Replica:
    def create_replica(
        *, version: int = 1, password: str | None = None, vault: Vault = VAULT, known: KnownTokens | None = None
    ) -> StoredTokens:
        credentials = erp.credentials.model_copy(update={"password": SecretStr(password)} if password else {})
        sign_in = SignIn(session, api_url=erp.url, credentials=credentials)
        known = known or KnownTokens()
        return StoredTokens(Logins(pool), vault, sign_in, known, business_id=BUSINESS, version=version)

    return create_replica


async def held(pool: Pool) -> dict[str, Any]:
    row = await pool.fetchrow("SELECT * FROM prokip.login WHERE business_id = $1", BUSINESS)
    assert row is not None
    return dict(row)


async def make_due(pool: Pool) -> None:
    await pool.execute("UPDATE prokip.login SET renew_at = now()")


async def test_one_replica_signs_in_and_all_use_its_token(pool: Pool, erp: ScriptedConnector, replica: Replica) -> None:
    hold = asyncio.Event()
    erp.sign_ins.append(Said({"access_token": "held", "refresh_token": "r", "expires_in": 60}, hold=hold))
    asking = [asyncio.create_task(replica().token()) for _ in range(4)]

    async def three_wait() -> bool:
        return int(await pool.fetchval(WAITING)) == 3

    await eventually(three_wait, what="three replicas wait for the one")
    hold.set()
    assert set(await asyncio.gather(*asking)) == {"held"}
    assert erp.grants == ["password"]
    assert b"held" not in (await held(pool))["tokens"]


async def test_tokens_are_refreshed_before_their_end_by_one_replica(
    pool: Pool, erp: ScriptedConnector, replica: Replica
) -> None:
    first = await replica().token()
    await make_due(pool)
    found = await asyncio.gather(*(replica().token() for _ in range(4)))
    assert set(found) == {"access-2"}
    assert found[0] != first
    assert erp.grants == ["password", "refresh_token"]


async def test_a_process_uses_a_token_without_the_database_until_its_end(
    pool: Pool, erp: ScriptedConnector, replica: Replica
) -> None:
    now_s = [1000.0]
    known = KnownTokens(lambda: now_s[0])
    await replica(known=known).token()
    assert await replica(known=known).token() == "access-1"
    await pool.execute("ALTER TABLE prokip.login RENAME TO away")
    assert await replica(known=known).token() == "access-1"
    with pytest.raises(Unavailable, match="our database is away"):
        await replica(known=known, version=2).token()
    await pool.execute("ALTER TABLE prokip.away RENAME TO login")
    await make_due(pool)
    now_s[0] += renew_in_s(erp.expires_in) or 0
    assert await replica(known=known).token() == "access-2"
    assert erp.grants == ["password", "refresh_token"]


async def test_a_token_that_another_replica_has_ended_is_given_up_once_it_is_refused(
    erp: ScriptedConnector, replica: Replica
) -> None:
    known = KnownTokens()
    for _ in range(2):
        ended = await replica(known=known).token()
    erp.revoke_access()
    newer = await replica().renewed(ended)
    assert await replica(known=known).token() == ended
    assert await replica(known=known).renewed(ended) == newer
    assert await replica(known=known).token() == newer
    assert erp.grants == ["password", "refresh_token"]


async def test_a_refused_token_is_renewed_once_although_many_were_refused(
    erp: ScriptedConnector, replica: Replica
) -> None:
    refused = await replica().token()
    erp.revoke_access()
    found = await asyncio.gather(*(replica().renewed(refused) for _ in range(4)))
    assert set(found) == {"access-2"}
    assert erp.grants == ["password", "refresh_token"]


async def test_a_refresh_whose_answer_got_lost_is_followed_by_a_sign_in(
    pool: Pool, erp: ScriptedConnector, replica: Replica
) -> None:
    await replica().token()
    await make_due(pool)
    erp.sign_ins.append(Said(cut=True))
    assert await replica().token() == "access-3"
    assert erp.grants == ["password", "refresh_token", "password"]
    assert await replica().token() == "access-3"


async def test_a_refresh_that_is_refused_is_followed_by_a_sign_in(erp: ScriptedConnector, replica: Replica) -> None:
    refused = await replica().token()
    erp.revoke()
    assert await replica().renewed(refused) == "access-3"
    assert erp.grants == ["password", "refresh_token", "password"]


async def test_a_process_that_died_after_the_refresh_leaves_a_way_in(
    pool: Pool, erp: ScriptedConnector, replica: Replica
) -> None:
    await replica().token()
    await make_due(pool)
    hold = asyncio.Event()
    erp.sign_ins.append(Said(hold=hold))
    dying = asyncio.create_task(replica().token())

    async def refreshing() -> bool:
        return erp.grants == ["password", "refresh_token"]

    await eventually(refreshing, what="the refresh has left")
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    hold.set()
    assert await replica().token() == "access-4"
    assert erp.grants == ["password", "refresh_token", "refresh_token", "password"]


async def test_wrong_settings_are_asked_once_until_they_change(
    pool: Pool, erp: ScriptedConnector, replica: Replica
) -> None:
    wrong = replica(password="wrong")
    for _ in range(3):
        with pytest.raises(BadCredentials, match="login name or the password"):
            await wrong.token()
    with pytest.raises(BadCredentials):
        await replica(password="wrong").renewed("x")
    assert erp.grants == ["password"]
    assert await replica(version=2).token() == "access-2"
    assert (await held(pool))["refused"] is None


async def test_a_sign_in_that_is_away_is_tried_again(erp: ScriptedConnector, replica: Replica) -> None:
    erp.sign_ins.extend(
        [Said(b"<html>", 502), Said({}, 429, {"Retry-After": "9"}), Said(b"<html>", 401), Said(cut=True)]
    )
    for _ in range(2):
        with pytest.raises(Unavailable):
            await replica().token()
    with pytest.raises(Exception, match="sign-in answers 401"):
        await replica().token()
    with pytest.raises(Unavailable):
        await replica().token()
    assert (await replica().token()).startswith("access-")


async def test_tokens_of_other_settings_are_not_used_and_older_settings_change_nothing(
    pool: Pool, erp: ScriptedConnector, replica: Replica
) -> None:
    first = await replica(version=1).token()
    second = await replica(version=2).token()
    assert first != second
    with pytest.raises(Unavailable, match="just been changed"):
        await replica(version=1).token()
    assert await replica(version=2).token() == second
    async with pool.acquire() as connection:
        await Logins(pool).forget(connection, [BUSINESS])
    assert await pool.fetchval("SELECT count(*) FROM prokip.login") == 0


async def test_a_new_encryption_key_costs_a_sign_in(erp: ScriptedConnector, replica: Replica) -> None:
    await replica().token()
    assert await replica(vault=Vault(bytes(range(1, 33)))).token() == "access-2"


async def test_tokens_without_an_end_are_used_until_they_are_refused(
    pool: Pool, erp: ScriptedConnector, replica: Replica
) -> None:
    erp.expires_in = None
    await replica().token()
    assert (await held(pool))["renew_at"] is None


def test_the_margin_fits_the_life_of_the_token() -> None:
    assert (renew_in_s(31_536_000), renew_in_s(60), renew_in_s(None)) == (31_535_700, 54, None)


@pytest.fixture
def turn(pool: Pool) -> Callable[..., AbstractAsyncContextManager[None]]:
    def take(
        wait_s_max: float = 5.0, limits: PaceLimits = LIMITS, known: KnownPaces | None = None
    ) -> AbstractAsyncContextManager[None]:
        return AccountPace(Logins(pool), known or KnownPaces(), BUSINESS, limits, POLICY, draw=lambda: 0.5).turn(
            wait_s_max
        )

    return take


Turn = Callable[..., AbstractAsyncContextManager[None]]


async def test_a_turn_too_far_away_is_not_taken(turn: Turn) -> None:
    slow = PaceLimits(interval_s=100, burst=2, failures_max=3, probe_s=60)
    for _ in range(2):
        async with turn(0.0, slow):
            pass
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await _enter(turn(50.0, slow))
        assert 90 < (caught.value.retry_after_s or 0) <= 100


async def test_turns_are_as_far_apart_whoever_took_the_one_before(pool: Pool, turn: Turn) -> None:
    """A process that knows the pace needs not lock it, and gets no turn that another one has."""
    slow = PaceLimits(interval_s=100, burst=3, failures_max=3, probe_s=60)
    one, other = KnownPaces(), KnownPaces()
    for known in (one, one, other):
        async with turn(0.0, slow, known):
            pass
    for known in (one, other):
        with pytest.raises(Unavailable) as caught:
            await _enter(turn(50.0, slow, known))
        assert 90 < (caught.value.retry_after_s or 0) <= 100
    ahead = await pool.fetchval("SELECT next_turn_at - now() FROM prokip.pace")
    assert 290 < ahead.total_seconds() <= 300


async def test_a_process_that_knows_the_pace_hears_of_waits_and_failures(pool: Pool, turn: Turn) -> None:
    known = KnownPaces()
    async with turn(known=known):
        pass
    with pytest.raises(Unavailable):
        async with turn():
            raise Unavailable("slow down", 77)
    with pytest.raises(Unavailable, match="wants us to wait"):
        await _enter(turn(known=known))
    async with pool.acquire() as connection:
        await Logins(pool).forget(connection, [BUSINESS])
    async with turn(known=known):
        pass


async def test_a_wait_that_prokip_asked_one_replica_for_holds_the_others(turn: Turn) -> None:
    with pytest.raises(Unavailable):
        async with turn():
            raise Unavailable("slow down", 77)
    with pytest.raises(Unavailable, match="wants us to wait") as caught:
        await _enter(turn())
    assert 70 < (caught.value.retry_after_s or 0) <= 77


async def test_after_failures_in_a_row_nobody_calls_until_one_request_has_tried(pool: Pool, turn: Turn) -> None:
    for failure in (InDoubt("no answer"), Unavailable("no connection"), InDoubt("no answer")):
        with pytest.raises((InDoubt, Unavailable)):
            async with turn():
                raise failure
    with pytest.raises(Unavailable, match="failed 3 times in a row"):
        await _enter(turn())
    await pool.execute("UPDATE prokip.pace SET closed_until = now()")
    async with turn():
        with pytest.raises(Unavailable, match="failed 3 times in a row"):
            await _enter(turn())
    async with turn():
        pass


async def test_a_refusal_is_an_answer(pool: Pool, turn: Turn) -> None:
    for _ in range(4):
        with pytest.raises(Refused):
            async with turn():
                raise Refused("no such product")
    assert await pool.fetchval("SELECT failures FROM prokip.pace") == 0


async def test_without_a_database_nothing_is_asked(pool: Pool, turn: Turn, replica: Replica) -> None:
    await pool.execute("ALTER TABLE prokip.pace RENAME TO away")
    with pytest.raises(Unavailable, match="our database is away"):
        await _enter(turn())
    await pool.execute("ALTER TABLE prokip.login RENAME TO away_too")
    with pytest.raises(Unavailable, match="our database is away"):
        await replica().token()


async def test_how_a_request_ended_does_not_depend_on_the_database(pool: Pool, turn: Turn) -> None:
    async def fail_without_a_database() -> None:
        async with turn():
            await pool.execute("ALTER TABLE prokip.pace RENAME TO away")
            raise InDoubt("no answer")

    with pytest.raises(InDoubt):
        await fail_without_a_database()


async def _enter(turn: AbstractAsyncContextManager[None]) -> None:
    async with turn:
        pass
