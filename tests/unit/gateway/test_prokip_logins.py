"""Which secret is used for what: the given one, or the stored one of the same login, and never another."""

import pytest
from pydantic import SecretStr

from gateway.domain.prokip_logins import Missing, connector_credentials, simple_credentials
from gateway.models.prokip import ConnectorLogin
from prokip_shared.connections import ConnectorCredentials, SimpleCredentials

SIMPLE = SimpleCredentials(token=SecretStr("t"))
STORED = ConnectorCredentials(
    client_id="7", client_secret=SecretStr("client-pw"), username="amina", password=SecretStr("login-pw")
)


def given(**fields: str) -> ConnectorLogin:
    return ConnectorLogin.model_validate({"apiUrl": "https://erp.example", **fields})


def test_what_is_left_out_is_the_stored_one() -> None:
    assert connector_credentials(given(), STORED) == STORED
    assert connector_credentials(given(clientId="7", username="amina"), STORED) == STORED
    changed = connector_credentials(given(password="new"), STORED)
    assert (changed.password.get_secret_value(), changed.client_secret) == ("new", STORED.client_secret)
    assert simple_credentials(None, SIMPLE) == SIMPLE


def test_a_secret_belongs_to_its_login() -> None:
    with pytest.raises(Missing) as caught:
        connector_credentials(given(username="bola", clientId="8"), STORED)
    assert caught.value.fields == ("clientSecret", "password")


@pytest.mark.parametrize("stored", [None, SIMPLE])
def test_without_a_stored_login_everything_is_needed(stored: SimpleCredentials | None) -> None:
    with pytest.raises(Missing) as caught:
        connector_credentials(given(), stored)
    assert caught.value.fields == ("clientId", "clientSecret", "username", "password")


@pytest.mark.parametrize("stored", [None, STORED])
def test_a_token_is_needed_where_none_is_stored(stored: ConnectorCredentials | None) -> None:
    with pytest.raises(Missing, match="token"):
        simple_credentials(None, stored)
