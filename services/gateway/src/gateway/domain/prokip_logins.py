"""Whole credentials from what an operator typed and what is stored: a secret is only ever used for what it was given for."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import SecretStr

from prokip_shared.connections import ConnectorCredentials, ProkipCredentials, SimpleCredentials


class GivenConnectorLogin(Protocol):
    @property
    def client_id(self) -> str | None: ...
    @property
    def client_secret(self) -> SecretStr | None: ...
    @property
    def username(self) -> str | None: ...
    @property
    def password(self) -> SecretStr | None: ...


class Missing(Exception):
    """Fields that are needed and were neither given nor stored."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = tuple(fields)


def simple_credentials(token: SecretStr | None, stored: ProkipCredentials | None) -> SimpleCredentials:
    """`stored`: of the same address, else None. Raises Missing."""
    held = stored.token if isinstance(stored, SimpleCredentials) else None
    found = token or held
    if found is None:
        raise Missing(["token"])
    return SimpleCredentials(token=found)


def connector_credentials(given: GivenConnectorLogin, stored: ProkipCredentials | None) -> ConnectorCredentials:
    """`stored`: of the same address, else None. Raises Missing."""
    held = stored if isinstance(stored, ConnectorCredentials) else None
    client_id = given.client_id or (held and held.client_id)
    username = given.username or (held and held.username)
    client_secret = given.client_secret or (held.client_secret if held and held.client_id == client_id else None)
    password = given.password or (held.password if held and held.username == username else None)
    if not client_id or not client_secret or not username or not password:
        wanted = {"clientId": client_id, "clientSecret": client_secret, "username": username, "password": password}
        raise Missing([name for name, value in wanted.items() if not value])
    return ConnectorCredentials(client_id=client_id, client_secret=client_secret, username=username, password=password)
