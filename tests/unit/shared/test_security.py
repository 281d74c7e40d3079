import jwt
import pytest

from prokip_shared.security.tokens import InternalTokens, InvalidToken
from prokip_shared.security.vault import Vault, VaultError
from tests.support.settings import INTERNAL_SECRET

KEY = bytes(range(32))


def test_a_sealed_secret_opens_with_the_same_key_and_context() -> None:
    sealed = Vault(KEY).seal("shpat_secret", context="connection:1:shopify:a")
    assert b"shpat_secret" not in sealed
    assert Vault(KEY).open(sealed, context="connection:1:shopify:a") == "shpat_secret"


def test_sealing_twice_gives_different_bytes() -> None:
    assert Vault(KEY).seal("same", context="c") != Vault(KEY).seal("same", context="c")


@pytest.mark.parametrize("change", ["key", "context", "byte", "form"])
def test_a_sealed_secret_does_not_open_otherwise(change: str) -> None:
    sealed = Vault(KEY).seal("secret", context="row 1")
    key = bytes(32) if change == "key" else KEY
    context = "row 2" if change == "context" else "row 1"
    if change == "byte":
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    if change == "form":
        sealed = b"\x02" + sealed[1:]
    with pytest.raises(VaultError):
        Vault(key).open(sealed, context=context)


def test_an_internal_token_names_its_business() -> None:
    tokens = InternalTokens(INTERNAL_SECRET)
    assert tokens.verify(tokens.mint(42)) == 42


def _claims(**changes: object) -> str:
    return jwt.encode({"sub": "1", "aud": "internal", "exp": 9_999_999_999} | changes, INTERNAL_SECRET, "HS256")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        InternalTokens("another-secret-another-secret-12345").mint(1),
        InternalTokens(INTERNAL_SECRET).mint(1, ttl_s=-1),
        _claims(aud="operator"),
        _claims(sub="one"),
        jwt.encode({"sub": "1", "aud": "internal"}, INTERNAL_SECRET, "HS256"),
    ],
)
def test_forged_expired_and_foreign_tokens_are_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        InternalTokens(INTERNAL_SECRET).verify(token)
