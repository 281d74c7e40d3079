"""The one place that decides what an error means for the messages in hand.

A decision in two places would loop a poison message on one adapter and drop it on the other.
"""

from enum import Enum
from typing import Final

import asyncpg

from prokip_shared.bus.port import BusUnavailable, PermanentFailure


class Verdict(Enum):
    HOLD = "hold"
    """The infrastructure failed, not the message: keep the batch and try again in place."""
    RETRY = "retry"
    """Unknown or transient: the message comes again later, a bounded number of times."""
    PARK = "park"
    """No redelivery can help."""


INFRASTRUCTURE: Final = (
    BusUnavailable,
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.TransactionRollbackError,  # class 40: serialization failure, deadlock
    asyncpg.InsufficientResourcesError,  # class 53: disk full, too many connections
    asyncpg.OperatorInterventionError,  # class 57: shutdown, crash recovery, cancelled statement
    asyncpg.PostgresSystemError,  # class 58: I/O errors of the server
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # a failover left us on a standby
)
"""Classes of https://www.postgresql.org/docs/current/errcodes-appendix.html that a healthy server does not answer."""


CUT_OFF: Final = (
    "cannot switch to state",  # a statement between the server's goodbye and the end of the connection
    "on a free connection holder",  # the connection ended while the pool took it back
)
"""What asyncpg's InternalClientError says where it means a lost connection."""


def verdict_of(error: Exception) -> Verdict:
    if isinstance(error, INFRASTRUCTURE) or is_closed_connection(error):
        return Verdict.HOLD
    if isinstance(error, PermanentFailure | asyncpg.DataError):
        return Verdict.PARK
    return Verdict.RETRY


def is_lost_race(error: Exception) -> bool:
    """Another transaction was first, and has committed: the same work goes through now, there is nothing to wait for."""
    return isinstance(error, asyncpg.SerializationError)


def is_closed_connection(error: Exception) -> bool:
    """A connection that was lost under an operation or before it, in the words that asyncpg has for that.

    Its classes do not tell: InterfaceError is misuse as well (a wrong number of arguments), InternalClientError
    anything unexpected; those are bugs that holding a batch for ever would hide.
    """
    if isinstance(error, asyncpg.InterfaceError):
        return "clos" in str(error)
    return isinstance(error, asyncpg.InternalClientError) and any(words in str(error) for words in CUT_OFF)


def describe(error: BaseException) -> str:
    """For logs, reasons and operators: the kind and the words, bounded."""
    return f"{type(error).__name__}: {error}"[:500]
