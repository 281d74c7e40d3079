import pytest

from gateway.domain.requests import client_address, cookie_may_act


@pytest.mark.parametrize(
    ("method", "site", "origin", "allowed"),
    [
        ("GET", "cross-site", None, True),
        ("POST", "same-origin", None, True),
        ("POST", "same-site", "https://hub.example", False),
        ("POST", "cross-site", "https://hub.example", False),
        ("POST", "none", None, False),
        ("DELETE", None, "https://hub.example", True),
        ("DELETE", None, "https://HUB.example", True),
        ("DELETE", None, "https://evil.example", False),
        ("DELETE", None, "https://hub.example.evil.example", False),
        ("PATCH", None, "null", False),
        ("PATCH", None, None, False),
    ],
)
def test_a_cookie_acts_from_our_own_pages_alone(
    method: str, site: str | None, origin: str | None, allowed: bool
) -> None:
    assert cookie_may_act(method, sec_fetch_site=site, origin=origin, host="hub.example") is allowed


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ([], 0, "peer"),
        (["1.1.1.1"], 0, "peer"),
        (["1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6", "1.1.1.1, 2.2.2.2"], 2, "1.1.1.1"),
        (["1.1.1.1"], 2, "peer"),
        ([], 1, "peer"),
    ],
)
def test_only_what_trusted_proxies_saw_counts_as_an_address(forwarded: list[str], proxies: int, address: str) -> None:
    assert client_address("peer", forwarded, proxies_trusted=proxies) == address
