"""Setting up a connector account over the public API: tried first, in plain words, and no secret is ever shown."""

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from prokip_shared.directory import Directory
from prokip_shared.security.vault import Vault
from tests.integration.gateway.client import Gateway, Person
from tests.support.connector import Said, ScriptedConnector
from tests.unit.platforms.connector_bodies import meta, variation

SECRETS = ("client-pw", "login-pw")
LOCATIONS = {
    "data": [
        {"id": 3, "name": "Main shop", "location_id": "BL0001", "is_active": 1},
        {"id": 5, "name": "Depot", "location_id": "BL0002", "is_active": 1},
    ]
}
CUSTOMERS = {
    "data": [
        {"id": 9, "name": "Amina", "mobile": "0800", "is_default": 0},
        {"id": 8, "name": "Walk-In Customer", "is_default": 1},
    ],
    "meta": meta(1, 1),
}
DETAILS: dict[str, Any] = {"data": {"id": 4, "time_zone": "Africa/Lagos", "pos_settings": {"allow_overselling": "1"}}}


@pytest.fixture
async def erp() -> AsyncIterator[ScriptedConnector]:
    async with ScriptedConnector().serve() as served:
        served.says("GET", "/business-location", LOCATIONS)
        served.says("GET", "/contactapi", CUSTOMERS)
        served.says("GET", "/business-details", DETAILS)
        served.says("GET", "/sell", {"data": []})
        served.says("GET", "/product-stock-report", {"data": []})
        served.says("GET", "/variation", {"data": [variation("A", 101, (3, "5.0000"))], "meta": meta(1, 9)})
        yield served


def change(erp: ScriptedConnector, path: str, answer: Any) -> None:
    erp._script.pop(("GET", path))
    erp.says("GET", path, answer)


def login_of(erp: ScriptedConnector) -> dict[str, Any]:
    return {
        "dialect": "connector",
        "apiUrl": erp.url,
        "clientId": "7",
        "clientSecret": "client-pw",
        "username": "amina",
        "password": "login-pw",
    }


def settings_of(erp: ScriptedConnector) -> dict[str, Any]:
    return login_of(erp) | {"locationId": "3"}


@pytest.fixture
async def alice(gateway: Gateway) -> Person:
    return await gateway.person()


async def test_a_connector_is_tried_without_changing_anything_and_kept_sealed(
    alice: Person, erp: ScriptedConnector, database_url: str
) -> None:
    answer = await alice.call("POST", "/setup/prokip", settings_of(erp))
    assert (answer.status, answer.body) == (200, {"message": "Prokip configured successfully"})
    assert {call.method for call in erp.calls} == {"GET"}
    assert erp.grants == ["password"]
    shown = await alice.ok("GET", "/api/v1/prokip")
    assert (shown["dialect"], shown["locationId"], shown["contactId"], shown["timezone"]) == (
        "connector",
        "3",
        8,
        "Africa/Lagos",
    )
    assert not [secret for secret in (*SECRETS, "amina") if secret in json.dumps(shown)]
    database = await asyncpg.connect(database_url)
    row = await database.fetchrow("SELECT * FROM gateway.prokip_account")
    await database.close()
    assert row is not None
    assert not [secret for secret in SECRETS if secret.encode() in row["credentials"]]
    directory = Directory(database_url, Vault(bytes(range(32))))
    await directory.refresh()
    (account,) = directory.prokip_accounts()
    assert account.credentials == erp.credentials


async def test_what_is_wrong_is_said_in_plain_words_and_nothing_is_kept(
    alice: Person, erp: ScriptedConnector, database_url: str
) -> None:
    right = settings_of(erp)
    for given, words in (
        ({"password": "wrong"}, "login name or the password"),
        ({"clientSecret": "wrong"}, "client id or the client secret"),
        ({"locationId": "BL0001"}, "Use 3"),
        ({"locationId": "7"}, "There are: 3 (Main shop), 5 (Depot)"),
        ({"contactId": 77}, "no customer 77"),
        ({"timezone": "Lagos time"}, "no time zone"),
        ({"apiUrl": "http://127.0.0.1:1"}, "cannot be reached"),
        ({"apiUrl": f"{erp.url}/elsewhere"}, "sign-in answers"),
        ({"apiUrl": "http://erp.example"}, "https:// is needed"),
        ({"apiUrl": "https://10.0.0.1"}, "private or local"),
    ):
        answer = await alice.call("POST", "/setup/prokip", right | given)
        assert answer.status == 422, (given, answer)
        assert words in answer.body["detail"], (given, answer.body)
        assert not [secret for secret in SECRETS if secret in json.dumps(answer.body)]
    for path, said, words in (
        ("/sell", Said({"message": "Unauthorized action."}, 403), "may not see sales"),
        ("/contactapi", Said({"message": "Unauthorized action."}, 403), "lacks a permission"),
        ("/variation", {"data": []}, "empty stock list"),
        ("/variation", Said(b"<html>"), "address of a Prokip API?"),
        ("/business-details", Said(b"", 500), "answered 500"),
    ):
        kept = erp._script["GET", path].copy()
        change(erp, path, said)
        answer = await alice.call("POST", "/setup/prokip", right)
        assert (answer.status, answer.body["code"]) == (422, "prokip_refused"), (path, answer)
        assert words in answer.body["detail"], (path, answer.body)
        erp._script["GET", path] = kept
    assert (await alice.ok("GET", "/api/v1/prokip"))["configured"] is False


async def test_what_will_surprise_is_a_warning(alice: Person, erp: ScriptedConnector) -> None:
    change(erp, "/business-details", {"data": {"time_zone": "Africa/Lagos", "pos_settings": {}}})
    change(erp, "/product-stock-report", Said({"message": "Unauthorized action."}, 403))
    change(erp, "/contactapi", Said({"message": "Unauthorized action."}, 403))
    given = settings_of(erp) | {"contactId": 9, "timezone": "Africa/Accra"}
    answer = await alice.call("POST", "/setup/prokip", given)
    assert answer.status == 200, answer
    saved = await alice.ok("PUT", "/api/v1/prokip", given)
    assert saved["warnings"] == answer.body["warnings"]
    said = " ".join(saved["warnings"])
    for words in ("overselling", "stock report", "could not be checked", "Africa/Accra"):
        assert words in said
    assert (saved["contactId"], saved["timezone"]) == (9, "Africa/Accra")
    assert (await alice.ok("GET", "/api/v1/prokip"))["warnings"] == []


async def test_a_form_is_offered_what_there_is(alice: Person, erp: ScriptedConnector) -> None:
    login = login_of(erp)
    del login["dialect"]
    offered = await alice.ok("POST", "/api/v1/prokip/choices", login)
    assert offered == {
        "locations": [
            {"id": "3", "name": "Main shop", "code": "BL0001"},
            {"id": "5", "name": "Depot", "code": "BL0002"},
        ],
        "contacts": [
            {"id": 9, "name": "Amina", "isDefault": False},
            {"id": 8, "name": "Walk-In Customer", "isDefault": True},
        ],
        "timezone": "Africa/Lagos",
    }
    assert {call.method for call in erp.calls} == {"GET"}
    assert (await alice.ok("GET", "/api/v1/prokip"))["configured"] is False
    wrong = await alice.call("POST", "/api/v1/prokip/choices", login | {"password": "wrong"})
    assert (wrong.status, wrong.body["code"]) == (422, "prokip_refused")
    for url in ("https://10.0.0.1", "http://erp.example", "https://[::1]"):
        inside = await alice.call("POST", "/api/v1/prokip/choices", login | {"apiUrl": url})
        assert inside.status == 422, inside


async def test_stored_secrets_go_to_the_same_address_and_login_only(
    alice: Person, erp: ScriptedConnector, gateway: Gateway
) -> None:
    await alice.ok("POST", "/setup/prokip", settings_of(erp))
    named = {"dialect": "connector", "apiUrl": erp.url, "locationId": "3"}
    assert (await alice.ok("PUT", "/api/v1/prokip", named | {"locationId": "5"}))["locationId"] == "5"
    assert len((await alice.ok("POST", "/api/v1/prokip/choices", {"apiUrl": erp.url}))["locations"]) == 2
    grants = len(erp.grants)
    for given, fields in (
        ({"username": "bola"}, ["password"]),
        ({"clientId": "8"}, ["clientSecret"]),
        ({"dialect": "simple"}, ["token"]),
    ):
        answer = await alice.call("PUT", "/api/v1/prokip", named | given)
        assert answer.status == 422
        assert [error["field"] for error in answer.body["errors"]] == fields
    async with ScriptedConnector().serve() as stranger:
        for method, path in (("PUT", "/api/v1/prokip"), ("POST", "/api/v1/prokip/choices")):
            body = named if method == "PUT" else {}
            answer = await alice.call(method, path, body | {"apiUrl": stranger.url})
            assert answer.status == 422
            assert {error["field"] for error in answer.body["errors"]} >= {"clientSecret", "password"}
        bob = await gateway.person("bob")
        for method, path in (("PUT", "/api/v1/prokip"), ("POST", "/api/v1/prokip/choices")):
            body = named if method == "PUT" else {}
            answer = await bob.call(method, path, body | {"apiUrl": erp.url})
            assert answer.status == 422, "one business has no use of another's secrets"
        assert (stranger.calls, stranger.grants) == ([], [])
    assert len(erp.grants) == grants
