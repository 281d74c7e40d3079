"""Processes that are born, die at any await that touches the outside, and are started anew."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import asyncpg

if TYPE_CHECKING:
    from tests.simulation.world import World

RESTART_S: Final = (0.5, 20.0)
PAUSE_S: Final = 0.05
SKEW_S_MAX: Final = 2.0
SKEW_S: Final[contextvars.ContextVar[float]] = contextvars.ContextVar("skew_s", default=0.0)
"""How far the clock of the running process is off."""


class Life:
    """One run of a process. After its death it can do nothing to the outside any more, whatever its tasks still try."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.memory: Any = None
        """What the process keeps for those who call it."""
        self._context = contextvars.copy_context()
        self._context.run(SKEW_S.set, world.mishaps.uniform(-SKEW_S_MAX, SKEW_S_MAX))
        self._tasks: list[asyncio.Task[None]] = []
        world.lives.append(self)
        self._on_death: list[Callable[[], None]] = []

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, context=self._context)
        self._tasks.append(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A side task that ends by itself stops its process, and is a bug."""
        if not self.alive or task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self.world.judge.wrong.append(f"{self.name}: a side task ended with {error!r}")
            self.die("a side task that ended")

    def on_death(self, call: Callable[[], None]) -> None:
        self._on_death.append(call)

    async def pass_through(self, place: str) -> None:
        """Every await that touches the outside goes through here, and not every one comes out."""
        self._survive(place)
        if self.world.mishaps.random() < self.world.weather.pause:
            await asyncio.sleep(self.world.mishaps.random() * PAUSE_S)
            if not self.alive:
                raise asyncio.CancelledError

    async def pass_to_database(self, place: str) -> None:
        """As `pass_through`, over a connection that may break."""
        await self.pass_through(place)
        if self.world.mishaps.random() < self.world.weather.database:
            self.world.note(f"{self.name}: the database connection breaks at {place}")
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    def _survive(self, place: str) -> None:
        if not self.alive:
            raise asyncio.CancelledError
        if self.world.mishaps.random() < self.world.weather.crash:
            self.die(place)
            raise asyncio.CancelledError

    def die(self, place: str) -> None:
        self.world.note(f"{self.name} dies at {place}")
        self.world.crashes += 1
        self.end()

    def end(self) -> None:
        self.alive = False
        for task in self._tasks:
            task.cancel()
        for call in self._on_death:
            call()


class Process:
    """A place in the deployment: a life, and after it the next one."""

    def __init__(self, world: "World", name: str, begin: Callable[[Life], None]) -> None:
        self._world = world
        self._name = name
        self._begin = begin
        self._lives = 0
        self.life: Life | None = None

    def start(self) -> None:
        self._lives += 1
        life = Life(self._world, f"{self._name}.{self._lives}")
        life.on_death(self._restart)
        self.life = life
        self._begin(life)

    def _restart(self) -> None:
        self.life = None
        loop = asyncio.get_running_loop()
        loop.call_later(self._world.mishaps.uniform(*RESTART_S), self.start)
