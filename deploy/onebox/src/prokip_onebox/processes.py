"""Child processes: started in order, logged to files, restarted when they die, ended in reverse."""

import asyncio
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout

RESTART_BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_AFTER_S: Final = 30.0
PROBE_INTERVAL_S: Final = 0.1
PROBE_TIMEOUT_S: Final = 2.0
LOG_TAIL_BYTES: Final = 2000


class StartFailed(Exception):
    """A process did not become ready; the message ends with its own last words."""


@dataclass(frozen=True, slots=True)
class Program:
    """One child: `python -m module arguments`, ready when `ready_url` answers 200."""

    name: str
    module: str
    ready_url: str
    environ: Mapping[str, str]
    arguments: tuple[str, ...] = ()


@dataclass(slots=True)
class Child:
    """Keeps one program alive until it is told to end."""

    program: Program
    log_file: Path
    tell: Callable[[str], None]
    _process: Process | None = None
    _ending: bool = False
    _watcher: asyncio.Task[None] | None = field(default=None)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self, *, timeout_s: float) -> None:
        """Begins a new log. Raises StartFailed."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self.log_file.write_bytes(b"")
        await self._spawn()
        await self._wait_until_ready(timeout_s)
        self._watcher = asyncio.create_task(self._watch(), name=f"watch:{self.program.name}")

    async def end(self, *, timeout_s: float) -> None:
        """SIGTERM, and SIGKILL for one that does not drain in time."""
        self._ending = True
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), timeout_s)
            except TimeoutError:
                self.tell(f"{self.program.name} did not end within {timeout_s:.0f} s and was killed")
                process.kill()
                await process.wait()
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)

    async def line_with(self, word: str, *, timeout_s: float) -> str:
        """The first line of this run's log that holds the word; StartFailed if it does not come in time."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
            found = next((line for line in lines if word in line), None)
            if found is not None:
                return found
            await asyncio.sleep(PROBE_INTERVAL_S)
        raise StartFailed(f"{self.program.name} did not say {word!r}:\n{self._last_words()}")

    async def _spawn(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.program.module,
                *self.program.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.program.environ),
                # A terminal's Ctrl-C reaches the whole group; the supervisor alone decides who ends when.
                start_new_session=True,
            )

    async def _wait_until_ready(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        async with ClientSession(timeout=ClientTimeout(total=PROBE_TIMEOUT_S)) as session:
            while time.monotonic() < deadline:
                if self._process is not None and self._process.returncode is not None:
                    raise StartFailed(f"{self.program.name} ended at once:\n{self._last_words()}")
                try:
                    async with session.get(self.program.ready_url) as answer:
                        if answer.ok:
                            return
                except (ClientError, TimeoutError, OSError):
                    pass
                await asyncio.sleep(PROBE_INTERVAL_S)
        raise StartFailed(f"{self.program.name} was not ready within {timeout_s:.0f} s:\n{self._last_words()}")

    async def _watch(self) -> None:
        attempt = 0
        while self._process is not None:
            began = time.monotonic()
            code = await self._process.wait()
            if self._ending:
                return
            attempt = 0 if time.monotonic() - began > STEADY_AFTER_S else attempt + 1
            delay_s = RESTART_BACKOFF_S[min(attempt, len(RESTART_BACKOFF_S) - 1)]
            self.tell(f"{self.program.name} ended with code {code}; starting it again in {delay_s} s ({self.log_file})")
            await asyncio.sleep(delay_s)
            await self._spawn()

    def _last_words(self) -> str:
        return self.log_file.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
