"""One read of a large catalogue in the connector dialect, beside a bare client that fetches and decodes the same pages.

prokip-poller and the connector are processes of their own; the pages are rendered beforehand and requests take no turns,
so what is measured is our work. Both clients alternate, so that a busy machine slows both.
"""

import asyncio
import json
import os
import statistics
import time
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from aiohttp import ClientSession
from aiohttp.test_utils import unused_port
from pydantic import SecretStr

from prokip_onebox.processes import Child, Program
from prokip_shared.connections import ConnectorCredentials
from prokip_shared.database import migrate
from prokip_shared.directory import seal_prokip_credentials
from prokip_shared.security.vault import Vault
from tests.bench.connector_stub import API, LOCATION, PAGE_ROWS
from tests.bench.figures import Figure
from tests.support.settings import service_environ

VARIATIONS: Final = 100_000
FEWER_VARIATIONS: Final = 10_000
ROUNDS: Final = 3
RATIO_GOAL: Final = 2.0
RSS_GOAL_MB: Final = 200.0
GROWTH_GOAL: Final = 1.2
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 20.0
READ_TIMEOUT_S: Final = 300.0
LOOK_S: Final = 0.005
CREDENTIALS: Final = ConnectorCredentials(
    client_id="7", client_secret=SecretStr("client"), username="bench", password=SecretStr("login")
)

COUNT_WRITES: Final = """
-- Of the outbox only what is said, not that it has left.
CREATE TABLE public.written (name text);
CREATE FUNCTION public.note_write() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.written VALUES (TG_TABLE_NAME); RETURN NULL; END $$;
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'prokip' LOOP
        EXECUTE format(
            'CREATE TRIGGER note_write AFTER %s ON prokip.%I FOR EACH ROW EXECUTE FUNCTION public.note_write()',
            CASE name WHEN 'outbox' THEN 'INSERT' ELSE 'INSERT OR UPDATE OR DELETE' END, name
        );
    END LOOP;
END $$
"""


@dataclass(frozen=True, slots=True)
class Bench:
    database: "asyncpg.Connection[asyncpg.Record]"
    stub_url: str
    poller_pid: int
    variations: int

    async def poll(self) -> float:
        """Seconds from the lease of a read to its end."""
        began = await self._sequence()
        await self.database.execute("UPDATE prokip.location SET next_poll_at = now()")
        deadline = time.monotonic() + READ_TIMEOUT_S
        while await self._sequence() == began:  # noqa: ASYNC110  # another process reads
            await asyncio.sleep(LOOK_S)
        began_s = time.monotonic()
        while await self.database.fetchval("SELECT reader IS NOT NULL FROM prokip.location"):
            if time.monotonic() > deadline:
                raise TimeoutError("the read did not end")
            await asyncio.sleep(LOOK_S)
        return time.monotonic() - began_s

    async def _sequence(self) -> int:
        return int(await self.database.fetchval("SELECT coalesce(max(sequence), 0) FROM prokip.location"))

    async def bare(self) -> float:
        """Seconds for fetching and decoding every page."""
        began_s = time.monotonic()
        async with ClientSession() as session:
            for page in range(1, -(-self.variations // PAGE_ROWS) + 1):
                query = {"location_id": str(LOCATION), "per_page": str(PAGE_ROWS), "page": str(page)}
                async with session.get(f"{self.stub_url}{API}/variation", params=query) as answer:
                    json.loads(await answer.read())
        return time.monotonic() - began_s

    async def change(self) -> None:
        async with ClientSession() as session, session.post(f"{self.stub_url}/change") as answer:
            answer.raise_for_status()

    def peak_rss_mb(self) -> float:
        status = Path(f"/proc/{self.poller_pid}/status").read_text(encoding="utf-8")
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024

    async def written(self) -> dict[str, int]:
        rows = await self.database.fetch("DELETE FROM public.written RETURNING name")
        names = [row["name"] for row in rows]
        return {name: names.count(name) for name in sorted(set(names))}


@asynccontextmanager
async def open_bench(database_url: str, broker_url: str, folder: Path, variations: int) -> AsyncIterator[Bench]:
    """A poller that has read the whole catalogue once."""
    async with AsyncExitStack() as stack:
        stub_port, poller_port = unused_port(), unused_port()
        stub_url = f"http://127.0.0.1:{stub_port}"
        environ = {"PATH": os.environ["PATH"]}
        arguments = (str(stub_port), str(variations))
        stub = Program("stub", "tests.bench.connector_stub", stub_url, environ, arguments)
        settings = service_environ(
            database_url,
            broker_url,
            PORT=str(poller_port),
            LOG_LEVEL="error",
        )
        ready_url = f"http://127.0.0.1:{poller_port}/health/ready"
        poller = Program("poller", "tests.bench.unpaced_poller", ready_url, environ | settings)
        await migrate(database_url, schema="gateway", package="gateway")
        database = await asyncpg.connect(database_url)
        stack.push_async_callback(database.close)
        await _configure(database, stub_url, settings["ENCRYPTION_KEY"])
        children = []
        for program in (stub, poller):
            child = Child(program, folder / f"{program.name}-{variations}.log", print)
            stack.push_async_callback(child.end, timeout_s=STOP_TIMEOUT_S)
            await child.start(timeout_s=START_TIMEOUT_S)
            children.append(child)
        assert children[1].pid is not None
        bench = Bench(database, stub_url, children[1].pid, variations)
        deadline = time.monotonic() + READ_TIMEOUT_S
        while not await database.fetchval("SELECT count(*) FROM prokip.location WHERE last_read_at IS NOT NULL"):
            if time.monotonic() > deadline:
                raise TimeoutError("the first read did not end")
            await asyncio.sleep(LOOK_S)
        await database.execute(COUNT_WRITES)
        yield bench


async def _configure(database: "asyncpg.Connection[asyncpg.Record]", api_url: str, encryption_key: str) -> None:
    business_id = await database.fetchval("INSERT INTO gateway.business (name) VALUES ('bench') RETURNING id")
    sealed = seal_prokip_credentials(Vault(b64decode(encryption_key)), business_id, CREDENTIALS)
    await database.execute(
        "INSERT INTO gateway.prokip_account"
        " (business_id, dialect, api_url, location_id, credentials, contact_id, timezone, interval_s)"
        " VALUES ($1, 'connector', $2, $3, $4, 1, 'Africa/Lagos', 86400)",
        business_id,
        api_url,
        str(LOCATION),
        sealed,
    )


@asynccontextmanager
async def fresh_database(database_url: str) -> AsyncIterator[str]:
    name = f"bench_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(database_url)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        yield urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
    finally:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.close()


@dataclass(slots=True)
class Run:
    changed: list[tuple[float, float]]
    """Seconds of a poll and of the bare client, round by round."""
    unchanged: list[tuple[float, float]]
    peak_mb: float
    written_changed: dict[str, int]
    written_unchanged: dict[str, int]


async def measure(database_url: str, broker_url: str, folder: Path, variations: int, rounds: int) -> Run:
    async with (
        fresh_database(database_url) as fresh_url,
        open_bench(fresh_url, broker_url, folder, variations) as bench,
    ):
        run = Run([], [], 0.0, {}, {})
        for _ in range(rounds):
            await bench.change()
            await bench.written()
            run.changed.append((await bench.poll(), await bench.bare()))
            run.written_changed = await bench.written()
            run.unchanged.append((await bench.poll(), await bench.bare()))
            run.written_unchanged = await bench.written()
        run.peak_mb = bench.peak_rss_mb()
        return run


async def run(database_url: str, broker_url: str, folder: Path) -> list[Figure]:
    fewer = await measure(database_url, broker_url, folder, FEWER_VARIATIONS, 1)
    more = await measure(database_url, broker_url, folder, VARIATIONS, ROUNDS)
    rows = more.written_unchanged
    return [
        _time_figure("1 % changed", more.changed, more.written_changed),
        _time_figure("nothing changed", more.unchanged, rows),
        Figure(
            "rows that a poll writes when nothing changed, besides its location's",
            sum(number for name, number in rows.items() if name != "location"),
            "rows",
            1,
            "row, the location's",
            "none, and none to publish",
            set(rows) == {"location"},
        ),
        Figure(
            f"peak memory of the poller, {VARIATIONS:,} variations, the first read included",
            more.peak_mb,
            "MB",
            fewer.peak_mb,
            f"MB, {FEWER_VARIATIONS:,} variations",
            f"under {RSS_GOAL_MB:.0f} MB and at most {GROWTH_GOAL:g} times as much",
            more.peak_mb < RSS_GOAL_MB and more.peak_mb <= GROWTH_GOAL * fewer.peak_mb,
        ),
    ]


def _time_figure(what: str, rounds: list[tuple[float, float]], written: dict[str, int]) -> Figure:
    """The round with the median ratio."""
    ratio = statistics.median_low(ours / bare for ours, bare in rounds)
    ours, bare = next((ours, bare) for ours, bare in rounds if ours / bare == ratio)
    return Figure(
        f"poll of {VARIATIONS:,} variations, {what}",
        ours,
        "s",
        bare,
        "s, a bare client that fetches and decodes the same pages",
        f"at most {RATIO_GOAL:g} times as long",
        ratio <= RATIO_GOAL,
        {f"rows written, {name}": number for name, number in written.items()},
    )
