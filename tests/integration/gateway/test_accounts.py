import asyncio
from typing import Any

import asyncpg
import bcrypt
import jwt
import pytest
from aiohttp import ClientSession

from tests.integration.gateway.client import PASSWORD, Gateway, open_gateway
from tests.support.settings import JWT_SECRET

ALICE = {"username": "alice", "password": PASSWORD}


async def test_a_registered_user_signs_in_and_has_a_business(gateway: Gateway) -> None:
    answer = await gateway.call("POST", "/auth/register", ALICE | {"businessName": "Corner Shop"})
    assert (answer.status, answer.body) == (201, {"message": "User registered successfully"})
    login = await gateway.call("POST", "/auth/login", ALICE)
    assert login.status == 200
    session = await gateway.call("GET", "/api/v1/session", headers={"Authorization": f"Bearer {login.body['token']}"})
    assert session.body["user"]["username"] == "alice"
    assert session.body["business"]["name"] == "Corner Shop"
    assert [choice["current"] for choice in session.body["businesses"]] == [True]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"username": "alice", "password": "seven77"}, 422, "at least 8"),
        ({"username": "alice", "password": "ü" * 37}, 422, "at most 72 bytes"),
        ({"username": "alice", "password": "longenough\0"}, 422, "NUL"),
        ({"username": "alicealice", "password": "AliceAlice"}, 422, "not the user name"),
        ({"username": "al", "password": PASSWORD}, 422, "3 to 64"),
        ({"username": "alice smith", "password": PASSWORD}, 422, "3 to 64"),
        ({"username": "alice"}, 422, "password"),
        ({"username": "alice", "password": PASSWORD, "admin": True}, 422, "admin"),
    ],
)
async def test_registration_says_what_is_wrong(gateway: Gateway, body: dict[str, Any], status: int, words: str) -> None:
    answer = await gateway.call("POST", "/auth/register", body)
    assert answer.status == status
    assert words in answer.body["detail"]
    assert "longenough" not in str(answer.body)


async def test_a_name_is_taken_whatever_its_case(gateway: Gateway) -> None:
    assert (await gateway.call("POST", "/auth/register", ALICE)).status == 201
    again = await gateway.call("POST", "/auth/register", ALICE | {"username": "ALICE"})
    assert (again.status, again.body["code"]) == (409, "username_taken")


async def test_a_72_byte_password_works_and_its_prefix_does_not(gateway: Gateway) -> None:
    long = {"username": "alice", "password": "p" * 72}
    assert (await gateway.call("POST", "/auth/register", long)).status == 201
    assert (await gateway.call("POST", "/auth/login", long)).status == 200
    assert (await gateway.call("POST", "/auth/login", long | {"password": "p" * 71})).status == 401
    assert (await gateway.call("POST", "/auth/login", long | {"password": "p" * 73})).status == 401


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(gateway: Gateway) -> None:
    await gateway.person()
    wrong = await gateway.call("POST", "/auth/login", ALICE | {"password": "something else"})
    unknown = await gateway.call("POST", "/auth/login", {"username": "nobody", "password": "something else"})
    assert wrong.status == unknown.status == 401
    assert wrong.body == unknown.body


async def test_attempts_are_limited_per_name_and_address_even_with_the_right_password(
    gateway: Gateway,
) -> None:
    await gateway.person()
    await gateway.person("bob")
    wrong = ALICE | {"password": "something else"}
    answers = await asyncio.gather(*(gateway.call("POST", "/auth/login", wrong) for _ in range(12)))
    assert sorted(answer.status for answer in answers) == [401] * 10 + [429] * 2
    right = await gateway.call("POST", "/auth/login", ALICE)
    assert right.status == 429
    assert 0 < int(right.headers["Retry-After"]) <= 300
    assert (await gateway.call("POST", "/auth/login", ALICE | {"username": "bob"})).status == 200


async def test_signing_out_ends_the_session_at_once(gateway: Gateway) -> None:
    alice = await gateway.person()
    assert (await alice.call("POST", "/auth/logout")).status == 200
    assert (await alice.call("GET", "/api/v1/session")).status == 401


@pytest.mark.parametrize(
    ("changes", "secret"),
    [
        ({"exp": 1}, JWT_SECRET),
        ({"aud": "internal"}, JWT_SECRET),
        ({}, "another-secret-of-the-right-length-000"),
        ({"sub": "x"}, JWT_SECRET),
        ({"jti": "not-a-uuid"}, JWT_SECRET),
    ],
)
async def test_a_token_that_is_not_ours_opens_nothing(gateway: Gateway, changes: dict[str, Any], secret: str) -> None:
    alice = await gateway.person()
    claims = jwt.decode(alice.token, JWT_SECRET, algorithms=["HS256"], audience="gateway")
    forged = jwt.encode(claims | changes, secret, algorithm="HS256")
    answer = await gateway.call("GET", "/api/v1/session", headers={"Authorization": f"Bearer {forged}"})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_unsigned_token_opens_nothing(gateway: Gateway) -> None:
    alice = await gateway.person()
    claims = jwt.decode(alice.token, JWT_SECRET, algorithms=["HS256"], audience="gateway")
    unsigned = jwt.encode(claims, "", algorithm="none")
    answer = await gateway.call("GET", "/api/v1/session", headers={"Authorization": f"Bearer {unsigned}"})
    assert answer.status == 401


async def test_a_browser_is_let_in_by_its_cookie_and_changes_things_only_from_our_pages(gateway: Gateway) -> None:
    await gateway.person()
    login = await gateway.call("POST", "/auth/login", ALICE)
    attributes = login.headers["Set-Cookie"]
    assert "HttpOnly" in attributes
    assert "SameSite=Strict" in attributes
    cookie = {"Cookie": attributes.split(";")[0]}
    host = gateway.url.removeprefix("http://")
    assert (await gateway.call("GET", "/api/v1/session", headers=cookie)).status == 200
    for headers, status in (
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": f"http://{host}"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": f"http://{host}"}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
    ):
        answer = await gateway.call("POST", "/api/v1/businesses", {"name": "Second"}, headers=cookie | headers)
        assert answer.status == status, headers
    out = await gateway.call("POST", "/auth/logout", headers=cookie | {"Sec-Fetch-Site": "same-origin"})
    assert 'prokip_session=""' in out.headers["Set-Cookie"]


async def test_a_person_acts_for_any_business_of_their_own_and_no_other(gateway: Gateway) -> None:
    alice, bob = await gateway.person(), await gateway.person("bob")
    second = await alice.ok("POST", "/api/v1/businesses", {"name": "Second"})
    chosen = {"headers": {"X-Business": str(second["id"])}}
    assert (await alice.ok("GET", "/api/v1/session", **chosen))["business"]["name"] == "Second"
    assert (await bob.call("GET", "/api/v1/session", **chosen)).status == 403
    assert (await bob.call("PUT", "/api/v1/session", {"businessId": second["id"]})).status == 403
    moved = await alice.ok("PUT", "/api/v1/session", {"businessId": second["id"]})
    there = await gateway.call("GET", "/api/v1/session", headers={"Authorization": f"Bearer {moved['token']}"})
    assert there.body["business"]["id"] == second["id"]
    assert (await alice.call("GET", "/api/v1/session")).status == 401


async def test_closed_registration_lets_in_only_those_who_exist(environ: dict[str, str], http: ClientSession) -> None:
    async with open_gateway(environ, http) as gateway:
        await gateway.person()
    async with open_gateway(environ | {"REGISTRATION_OPEN": "false"}, http) as gateway:
        refused = await gateway.call("POST", "/auth/register", ALICE | {"username": "bob"})
        assert (refused.status, refused.body["code"]) == (403, "registration_closed")
        assert (await gateway.call("POST", "/auth/login", ALICE)).status == 200


async def test_passwords_names_and_addresses_are_not_stored_in_clear(gateway: Gateway, database_url: str) -> None:
    await gateway.person()
    await gateway.call("POST", "/auth/login", {"username": "mallory", "password": "secret guess"})
    database = await asyncpg.connect(database_url)
    try:
        hashed = await database.fetchval("SELECT password_hash FROM gateway.user_account")
        attempts = await database.fetch("SELECT * FROM gateway.login_attempt")
    finally:
        await database.close()
    assert hashed.startswith("$2b$04$")
    assert attempts
    assert "mallory" not in str(attempts)


async def test_an_unknown_user_costs_the_work_of_a_wrong_password(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is what the time of an answer would tell, and it is counted without a clock."""
    await gateway.person()
    checkpw, work = bcrypt.checkpw, list[tuple[bytes, bool]]()

    def counted(password: bytes, hashed: bytes) -> bool:
        matches = checkpw(password, hashed)
        work.append((hashed[: len("$2b$04$")], matches))
        return matches

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    for username, password in (
        ("alice", "something else"),
        ("nobody", "something else"),
        ("alice", "p" * 73),
        ("nobody", "nobody has this password"),
    ):
        work.clear()
        answer = await gateway.call("POST", "/auth/login", {"username": username, "password": password})
        assert answer.status == 401
        assert work == [(b"$2b$04$", False)], username
