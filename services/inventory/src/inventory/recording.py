"""Keeps the messages that moved the ledger, in the transaction that they moved it in."""

import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from prokip_shared.database import Connection, load_queries
from prokip_shared.messages import Message, utc_now

QUERIES: Final = load_queries("inventory", "rebuild.sql")
COMPRESSION_LEVEL: Final = 1
"""The lines repeat themselves, so that the fastest level makes a fifth of them."""

M = TypeVar("M", bound=Message)
Handler = Callable[[Connection, Sequence[M]], Awaitable[Sequence[Message]]]


def recorded(handler: Handler[M]) -> Handler[M]:
    """The handler, which then also notes what it was given: after it, so that the locks that it took are held."""

    async def handle_and_note(connection: Connection, messages: Sequence[M]) -> Sequence[Message]:
        begun_at = utc_now()
        said = await handler(connection, messages)
        by_business: dict[int, list[M]] = {}
        for message in messages:
            by_business.setdefault(message.business_id, []).append(message)
        rows = [(business_id, begun_at, len(some), pack(some)) for business_id, some in by_business.items()]
        await connection.executemany(QUERIES["record_messages"], rows)
        return said

    return handle_and_note


def pack(messages: Sequence[Message]) -> bytes:
    lines = "".join(f'{{"type":"{message.type}","body":{message.model_dump_json()}}}\n' for message in messages)
    return zlib.compress(lines.encode(), COMPRESSION_LEVEL)


def unpack(lines: bytes) -> list[str]:
    """Not splitlines: the texts inside may hold other characters that count as line ends there."""
    return zlib.decompress(lines).decode().removesuffix("\n").split("\n")
