"""The moment between a server's goodbye and the end of its connection, which a cut passes through too quickly to meet."""

from typing import Any

import asyncpg
import pytest

FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
GOODBYE = b"E" + (len(FIELDS) + 4).to_bytes(4, "big") + FIELDS
"""https://www.postgresql.org/docs/current/protocol-message-formats.html: ErrorResponse"""


def say_goodbye(connection: Any) -> None:
    """The server's last words reach this connection; a statement on it fails from now on."""
    connection._protocol.data_received(GOODBYE)  # as its transport calls it


def cut_first_connection(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The next connection that is opened is just being cut; the list fills with it and those opened after it."""
    opened: list[object] = []
    connect: Any = asyncpg.connect

    async def connect_and_cut(*arguments: Any, **options: Any) -> object:
        connection = await connect(*arguments, **options)
        if not opened:
            say_goodbye(connection)
        opened.append(connection)
        return connection

    monkeypatch.setattr(asyncpg, "connect", connect_and_cut)
    return opened
