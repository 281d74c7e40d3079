import asyncio
from collections.abc import Sequence
from typing import cast

from prokip_shared.database import Pool
from store_push.domain.lingering import Linger
from store_push.storage.work import DueConnection, WorkStorage
from store_push.worker import Dispatcher, Worker

AN_HOUR_S = 3600.0
"""Whoever lingers this long is looked for only once."""


class Stores:
    """In place of a worker and of what is due: `hanging` never answer, the others do at once."""

    def __init__(self, due: Sequence[DueConnection], hanging: Sequence[int] = ()) -> None:
        self._due = due
        self._hanging = hanging
        self.begun: list[int] = []
        self.began = asyncio.Event()
        self.answered: asyncio.Queue[int] = asyncio.Queue()

    async def due_connections(self, _pool: Pool) -> Sequence[DueConnection]:
        return self._due

    async def push(self, connection_id: int) -> bool:
        self.begun.append(connection_id)
        self.began.set()
        if connection_id in self._hanging:
            await asyncio.Event().wait()
        self.answered.put_nowait(connection_id)
        return True


def dispatcher_of(stores: Stores, *, workers_max: int, failing_workers_max: int) -> Dispatcher:
    return Dispatcher(
        cast("Worker", stores),
        cast("Pool", None),
        cast("WorkStorage", stores),
        workers_max=workers_max,
        failing_workers_max=failing_workers_max,
        linger=Linger(AN_HOUR_S, AN_HOUR_S),
    )


async def answered(stores: Stores, dispatcher: Dispatcher, count: int) -> list[int]:
    running = asyncio.create_task(dispatcher.run())
    try:
        return [await stores.answered.get() for _ in range(count)]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_ready_and_found_no_worker_does_not_linger_again() -> None:
    stores = Stores([DueConnection(key, failing=False, ready_in_s=0) for key in range(5)])
    dispatcher = dispatcher_of(stores, workers_max=2, failing_workers_max=1)
    assert sorted(await answered(stores, dispatcher, 5)) == [0, 1, 2, 3, 4]


async def test_failing_stores_get_no_more_than_their_share_when_workers_become_free() -> None:
    failing = [DueConnection(key, failing=True, ready_in_s=-9) for key in (1, 2)]
    healthy = [DueConnection(key, failing=False, ready_in_s=0) for key in (3, 4, 5)]
    stores = Stores([*failing, *healthy], hanging=(1, 2))
    dispatcher = dispatcher_of(stores, workers_max=3, failing_workers_max=1)
    assert sorted(await answered(stores, dispatcher, 3)) == [3, 4, 5]
    assert len({1, 2} & set(stores.begun)) <= 1


async def test_what_waits_for_a_worker_is_not_begun_any_more_when_the_process_ends() -> None:
    stores = Stores([DueConnection(key, failing=False, ready_in_s=0) for key in range(3)], hanging=(0, 1, 2))
    dispatcher = dispatcher_of(stores, workers_max=1, failing_workers_max=1)
    running = asyncio.create_task(dispatcher.run())
    await stores.began.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert stores.begun == [0]
