"""A consumer process that dies as told: `python -m tests.contract.bus.victim HOW DATABASE_URL BROKER_URL`.

hang: takes a batch, says so and never ends it. poison: kills itself when it meets the SKU "poison".
commit: commits an outbox row and dies before anything is sent.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from unittest.mock import patch

from prokip_shared.bus.port import Bundle
from prokip_shared.database import Connection
from prokip_shared.messages import DriftFoundV1, Message
from tests.contract.bus.harness import DRIFT, FAST, drift, member, note_applied

POISON = "poison"
CRASHING = replace(FAST, deliveries_max=1, lease_s=1.0)
"""What the dead had in hand is soon free again."""


def die(*_bundles: Sequence[Bundle]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


async def hang(_connection: Connection, batch: Sequence[DriftFoundV1]) -> Sequence[Message]:
    say(f"took {len(batch)}")
    await asyncio.Event().wait()
    return ()


async def die_of_poison(connection: Connection, batch: Sequence[DriftFoundV1]) -> Sequence[Message]:
    if any(message.sku == POISON for message in batch):
        say("met poison")
        die()
    await note_applied(connection, batch)
    return ()


async def main(how: str, database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url, limits=CRASHING) as victim:
        if how == "commit":
            with patch.object(victim.bus.outbox, "hand_over", die):
                async with victim.bus.outbox.transaction() as transaction:
                    transaction.say(drift(1))
        victim.bus.consume(DRIFT, hang if how == "hang" else die_of_poison)
        await victim.ready()
        say("ready")
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
