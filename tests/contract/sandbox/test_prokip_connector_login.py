"""Prokip's connector: logging in, and what every call meets before it is heard. Sections are those of the fact list."""

import base64
import json

import pytest

from tests.contract.sandbox.conftest import ConnectorClient


async def test_1_a_login_gives_a_bearer_pair_and_the_lifetime_that_is_set(connector: ConnectorClient) -> None:
    connector.server.erp.token_lifetime_s = 120
    body = (await connector.log_in()).body
    assert body.keys() == {"token_type", "expires_in", "access_token", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["access_token"].count(".")) == ("Bearer", 120, 2)
    assert await connector.rows("/business-location")
    connector.clock.now_s += 120
    assert (await connector.call("GET", "/business-location")).status == 401


async def test_1_the_token_looks_like_one_of_the_old_library(connector: ConnectorClient) -> None:
    header = connector.token.split(".")[0]
    fields = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    assert (fields["alg"], "jti" in fields) == ("RS256", True)


async def test_1_the_lifetime_is_a_year_by_default(connector: ConnectorClient) -> None:
    assert (await connector.log_in()).body["expires_in"] == 31_536_000


async def test_1_optional_fields_of_the_live_client_do_not_hurt(connector: ConnectorClient) -> None:
    login = connector.server.login
    answer = await connector.grant(
        username=login.username, password=login.password, desktop_version="", granttype="password"
    )
    assert answer.status == 200


async def test_1_the_user_name_is_the_login_name_and_no_e_mail(connector: ConnectorClient) -> None:
    login = connector.server.login
    answer = await connector.grant(username=f"{login.username}@example.com", password=login.password)
    assert answer.body["error"] in {"invalid_credentials", "invalid_grant"}


async def test_1_a_wrong_password_is_401_or_400_by_generation(connector: ConnectorClient) -> None:
    answer = await connector.grant(username=connector.server.login.username, password="wrong")
    legacy = connector.server.erp.generation == "legacy"
    assert (answer.status, answer.body["error"]) == ((401, "invalid_credentials") if legacy else (400, "invalid_grant"))


@pytest.mark.parametrize("field", ["client_id", "client_secret"])
async def test_1_a_wrong_client_is_401(connector: ConnectorClient, field: str) -> None:
    login = connector.server.login
    answer = await connector.grant(username=login.username, password=login.password, **{field: "wrong"})
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")


async def test_1_an_unknown_grant_is_refused(connector: ConnectorClient) -> None:
    assert (await connector.grant(grant_type="implicit")).status == 400


async def test_1_a_refresh_makes_a_new_pair_and_revokes_the_old_one(connector: ConnectorClient) -> None:
    old_token, old_refresh = connector.token, connector.refresh_token
    fresh = await connector.grant(grant_type="refresh_token", refresh_token=old_refresh)
    assert fresh.status == 200
    assert {fresh.body["access_token"], fresh.body["refresh_token"]}.isdisjoint({old_token, old_refresh})
    assert (await connector.call("GET", "/business-location")).status == 401
    again = await connector.grant(grant_type="refresh_token", refresh_token=old_refresh)
    assert (again.status, again.body["error"]) == (401, "invalid_request")
    connector.token = fresh.body["access_token"]
    assert await connector.rows("/business-location")


async def test_1_a_refresh_token_outlives_its_access_token(connector: ConnectorClient) -> None:
    connector.server.expire_tokens()
    assert (await connector.call("GET", "/business-location")).status == 401
    fresh = await connector.grant(grant_type="refresh_token", refresh_token=connector.refresh_token)
    connector.token = fresh.body["access_token"]
    assert await connector.rows("/business-location")


async def test_1_a_revoked_login_is_401_in_json_and_cannot_be_refreshed(connector: ConnectorClient) -> None:
    connector.server.revoke_tokens()
    answer = await connector.call("GET", "/business-location")
    assert (answer.status, answer.body) == (401, {"message": "Unauthenticated."})
    assert (await connector.grant(grant_type="refresh_token", refresh_token=connector.refresh_token)).status == 401


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
async def test_1_without_accept_json_a_bad_token_is_sent_to_a_login_page(
    connector: ConnectorClient, accept: str
) -> None:
    connector.token = "wrong"
    answer = await connector.call("GET", "/variation", accept=accept)
    assert (answer.status, answer.headers["Location"]) == (302, "/login")
    assert "<html>" in answer.body


async def test_1_the_simple_token_does_not_open_the_connector(connector: ConnectorClient) -> None:
    connector.token = connector.server.token
    assert (await connector.call("GET", "/variation")).status == 401


@pytest.mark.parametrize(("flag", "path"), [("may_view_sells", "/sell"), ("may_view_contacts", "/contactapi")])
async def test_1_a_missing_permission_is_403_on_reading(connector: ConnectorClient, flag: str, path: str) -> None:
    setattr(connector.server.erp, flag, False)
    answer = await connector.call("GET", path)
    assert (answer.status, answer.body) == (403, {"message": "Unauthorized action."})


async def test_1_recording_a_sale_asks_for_no_permission(connector: ConnectorClient) -> None:
    connector.server.erp.may_view_sells = False
    assert (await connector.sell("AB1"))["status"] == "final"


@pytest.mark.parametrize("path", ["/purchase", "/stock-adjustment", "/inventory", "/opening-stock", "/sells"])
async def test_7_7_what_the_connector_has_not_is_404(connector: ConnectorClient, path: str) -> None:
    assert (await connector.call("POST", path, {})).status == 404
    assert (await connector.call("GET", path, accept="text/html")).status == 404


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/product"), ("PUT", "/product/20"), ("DELETE", "/variation/301")]
)
async def test_7_7_what_can_only_be_read_is_405(connector: ConnectorClient, method: str, path: str) -> None:
    answer = await connector.call(method, path, {})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert f"The {method} method is not supported" in answer.body["message"]


async def test_2_the_modern_generation_takes_sixty_calls_a_minute(connector: ConnectorClient) -> None:
    answers = [await connector.call("GET", "/business-location") for _ in range(61)]
    if connector.server.erp.generation == "legacy":
        assert {answer.status for answer in answers} == {200}
        assert "X-RateLimit-Limit" not in answers[0].headers
        return
    assert [answer.status for answer in answers] == [200] * 60 + [429]
    assert answers[0].headers["X-RateLimit-Remaining"] == "59"
    assert (answers[60].body, answers[60].headers["Retry-After"]) == ({"message": "Too Many Attempts."}, "60")
    connector.clock.now_s += 60
    assert await connector.rows("/business-location")


async def test_2_the_throttle_can_be_set_and_switched_off(connector: ConnectorClient) -> None:
    connector.server.erp.throttle_per_min = 2
    statuses = [(await connector.call("GET", "/business-location")).status for _ in range(3)]
    assert statuses[2] == (200 if connector.server.erp.generation == "legacy" else 429)
    connector.server.erp.throttle_per_min = 0
    assert (await connector.call("GET", "/business-location")).status == 200
