"""What an account can be set up with, and the words for what is wrong."""

from typing import Any

import pytest

from prokip_shared.platforms.prokip import NotAuthorised, Refused, Unavailable, Unusable
from prokip_shared.platforms.prokip_connector_setup import choose_contact, choose_location, choose_timezone
from prokip_shared.platforms.prokip_connector_wire import (
    Contact,
    Details,
    Location,
    contacts_of,
    details_of,
    locations_of,
)
from prokip_shared.platforms.prokip_tokens import BadCredentials, parse_tokens
from tests.unit.platforms.connector_bodies import answer

SHOPS = [Location(3, "Main shop", "BL0001"), Location(5, "Depot", "")]
WALK_IN = Contact(8, "Walk-In Customer", is_default=True)
AMINA = Contact(9, "Amina", is_default=False)


def test_locations_are_those_one_can_sell_at() -> None:
    rows = [
        {"id": 3, "name": "Main shop", "location_id": "BL0001", "is_active": 1},
        {"id": 5, "name": "Depot", "location_id": None},
        {"id": 6, "name": "Closed", "location_id": "BL0003", "is_active": 0},
        {"name": "no id"},
        "no row",
    ]
    assert locations_of(rows) == SHOPS


@pytest.mark.parametrize("typed", ["BL0001", "bl0001", "Main shop"])
def test_the_code_or_name_of_a_location_leads_to_its_number(typed: str) -> None:
    with pytest.raises(Refused, match="Use 3"):
        choose_location(SHOPS, typed)


def test_an_unknown_location_is_told_with_those_there_are() -> None:
    assert choose_location(SHOPS, "5") == 5
    with pytest.raises(Refused, match=r"There are: 3 \(Main shop\), 5 \(Depot\)"):
        choose_location(SHOPS, "7")
    with pytest.raises(Refused, match="There are: none"):
        choose_location([], "7")


def test_sales_go_to_the_default_customer_unless_one_is_named() -> None:
    assert contacts_of(
        [{"id": 8, "name": "Walk-In Customer", "is_default": 1}, {"id": 9, "name": "Amina", "is_default": "0"}, {}]
    ) == [WALK_IN, AMINA]
    assert choose_contact([AMINA, WALK_IN], None) == 8
    assert choose_contact([WALK_IN, AMINA], 9) == 9
    with pytest.raises(Refused, match="no customer 1 "):
        choose_contact([WALK_IN], 1)
    with pytest.raises(Refused, match="no default"):
        choose_contact([AMINA], None)


@pytest.mark.parametrize(
    ("told", "timezone", "allows"),
    [
        ({"time_zone": "Africa/Lagos", "pos_settings": {"allow_overselling": "1"}}, "Africa/Lagos", True),
        ({"time_zone": "Africa/Lagos", "pos_settings": '{"allow_overselling":1}'}, "Africa/Lagos", True),
        ({"time_zone": "Africa/Lagos", "pos_settings": {"disable_draft": 1}}, "Africa/Lagos", False),
        ({"time_zone": "Nowhere/Atlantis", "pos_settings": None}, None, None),
        ({"time_zone": "../etc/passwd", "pos_settings": "{"}, None, None),
        ({"id": 4}, None, None),
    ],
)
def test_the_businesss_details_are_read_in_every_form(told: dict[str, Any], timezone: str | None, allows: Any) -> None:
    for body in (told, {"data": told}, {"success": True, "data": told}):
        assert details_of(answer(body)) == Details(timezone, allows)
    with pytest.raises(Unusable):
        details_of(answer([]))


def test_a_time_zone_is_prokips_or_the_one_that_was_given() -> None:
    lagos = Details("Africa/Lagos", None)
    assert choose_timezone(lagos, None) == "Africa/Lagos"
    assert choose_timezone(lagos, "Africa/Accra") == "Africa/Accra"
    with pytest.raises(Refused, match="no time zone"):
        choose_timezone(lagos, "Lagos time")
    with pytest.raises(Refused, match="does not tell"):
        choose_timezone(Details(None, None), None)


def test_tokens_come_with_their_own_end_or_none() -> None:
    body = {"token_type": "Bearer", "access_token": "a", "refresh_token": "r", "expires_in": 31622400}
    found = parse_tokens(answer(body))
    assert (found.access, found.refresh, found.expires_in_s) == ("a", "r", 31622400)
    bare = parse_tokens(answer({"access_token": "a"}))
    assert (bare.refresh, bare.expires_in_s) == (None, None)
    assert "'a'" not in repr(found)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"error": "invalid_credentials", "message": "The user credentials were incorrect."}, "login name"),
        (
            400,
            {
                "error": "invalid_grant",
                "error_description": "The user credentials were incorrect.",
                "message": "The user credentials were incorrect.",
            },
            "login name",
        ),
        (401, {"error": "invalid_client", "message": "Client authentication failed"}, "client id"),
        (400, {"error": "unsupported_grant_type"}, "client id"),
    ],
)
def test_both_generations_say_which_setting_is_wrong(status: int, body: dict[str, str], words: str) -> None:
    with pytest.raises(BadCredentials, match=words):
        parse_tokens(answer(body, status))


def test_a_401_that_is_not_the_sign_ins_own_may_be_over_soon() -> None:
    with pytest.raises(NotAuthorised) as caught:
        parse_tokens(answer(b"<html>Who are you?", 401))
    assert not isinstance(caught.value, BadCredentials)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {}),
        (200, {"access_token": ""}),
        (200, {"access_token": "line\nbreak"}),
        (200, b"<html>"),
        (302, b""),
        (404, b"<html>"),
        (429, {"message": "Too Many Attempts."}),
        (500, b"<html>"),
    ],
)
def test_an_answer_without_a_token_says_nothing_about_the_settings(status: int, body: Any) -> None:
    with pytest.raises(Unavailable):
        parse_tokens(answer(body, status))
