"""The table of queues names what the services hear: nothing more, nothing less."""

import aio_pika
import asyncpg

from prokip_shared.bus.topology import QUEUES, Binding
from tests.support.house import open_house


async def test_the_services_consume_every_queue_of_the_table_and_no_other(database_url: str, broker_url: str) -> None:
    """A queue that nobody consumes would fill up; one that is not in the table would miss what is said before it."""
    async with open_house(database_url, broker_url):
        if broker_url == "postgres":
            database = await asyncpg.connect(database_url)
            bound = {Binding(row["queue"], row["type"]) for row in await database.fetch("SELECT * FROM bus.binding")}
            await database.close()
            assert bound == set(QUEUES)
        else:
            async with await aio_pika.connect(broker_url) as broker:
                channel = await broker.channel()
                declared = [await channel.declare_queue(one.queue, passive=True) for one in QUEUES]
                unheard = [one.name for one in declared if not one.declaration_result.consumer_count]
            assert unheard == []
