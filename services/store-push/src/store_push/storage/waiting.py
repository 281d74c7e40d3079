"""Claims that wait for a store."""

from typing import Final

from prokip_shared.database import Connection, load_queries

_QUERIES: Final = load_queries("store_push", "waiting.sql")


async def begin_waiting(connection: Connection) -> None:
    """To be called before a store is asked while a claim's transaction is open, if that has written nothing yet.

    From here on it keeps no old row alive. What has changed since the oldest number or snapshot of any transaction
    stays in every table of the database, and a store may take PUSH_TIMEOUT_S for its answer: all that is done for
    other stores meanwhile would walk through it.
    """
    await connection.execute(_QUERIES["begin_waiting"])
