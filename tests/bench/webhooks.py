"""Durable webhooks accepted per second, beside the same handler without a broker.

The limit is an aiohttp application of one handler that checks the signature and parses the JSON of the same recorded
orders, and nothing else. Both run as processes of their own and are loaded by wrk over 64 connections, in turns, so
that a busy machine slows both. `python -m tests.bench.webhooks` runs it alone; docs/performance.md says where the
time goes.
"""

import asyncio
import os
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import uvloop
from aiohttp import ClientConnectionError, ClientSession, web
from aiohttp.test_utils import unused_port
from pydantic_core import from_json

from prokip_onebox.postgres import embedded_postgres
from prokip_shared.platforms.signatures import signing_secret
from tests.bench.figures import Figure, table, write_json
from tests.integration.ingest.world import connect_three_stores, listening
from tests.support.eventually import eventually
from tests.support.rabbitmq import RabbitNode
from tests.support.settings import service_environ
from tests.unit.webhooks.recorded import WOO_SECRET, Delivery, woo_steps

CONNECTIONS: Final = 64
ROUNDS: Final = 3
ROUNDS_MAX: Final = 6
ROUND_S: Final = 5
WARM_UP_S: Final = 2
WAITING_GOAL: Final = 100_000
RATIO_GOAL: Final = 0.6
P99_GOAL_MS: Final = 50.0
GROWTH_GOAL_MB: Final = 10.0
BODY_BYTES: Final = range(2000, 2700)
PATH: Final = "/connections/webhook/woocommerce"
NO_WRK: Final = "wrk is MISSING, so webhooks are NOT measured: apt-get install wrk"
HEADERS: Final = ("Content-Type", "X-WC-Webhook-Source", "X-WC-Webhook-Topic", "X-WC-Webhook-Signature")

SCRIPT: Final = """
local requests, following = {}, 0
function init(args)
    for i, one in ipairs(deliveries) do requests[i] = wrk.format("POST", nil, one.headers, one.body) end
end
function request()
    following = following % #requests + 1
    return requests[following]
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw in one round."""

    answers: int
    per_s: float
    p99_ms: float
    failed: int
    cpu_us: float = 0.0
    """Of the server process, for each answer: unlike the rate, a busy neighbour hardly changes it."""


def recorded_orders() -> list[Delivery]:
    """Real bodies of about 2 kB with their real signatures."""
    deliveries = (delivery for step in woo_steps() for delivery in step.deliveries)
    return [one for one in deliveries if one.topic.startswith("order.") and len(one.body) in BODY_BYTES]


def write_script(deliveries: Sequence[Delivery], file: Path) -> None:
    rows = []
    for one in deliveries:
        headers = ", ".join(f"[ {_lua(name)} ] = {_lua(one.headers[name])}" for name in HEADERS)
        rows.append(f"{{headers = {{{headers}}}, body = {_lua(one.body.decode())}}}")
    file.write_text("deliveries = {" + ",\n".join(rows) + "}\n" + SCRIPT, encoding="utf-8")


def _lua(text: str) -> str:
    return f"[==[{text}]==]"


async def load(port: int, script: Path, seconds: int, server: int) -> Load:
    """One round against the process with the id `server`."""
    before_s = cpu_s(server)
    process = await asyncio.create_subprocess_exec(
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script), f"http://127.0.0.1:{port}{PATH}",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output = (await process.communicate())[0].decode()
    if process.returncode != 0:
        raise RuntimeError(f"wrk failed: {output}")
    seen = parse_wrk(output)
    return replace(seen, cpu_us=(cpu_s(server) - before_s) / seen.answers * 1e6)


def parse_wrk(output: str) -> Load:
    answers = re.search(r"(\d+) requests in", output)
    per_s = re.search(r"Requests/sec:\s+([\d.]+)", output)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if answers is None or per_s is None or p99 is None:
        raise RuntimeError(f"wrk said something else: {output}")
    to_ms = {"us": 0.001, "ms": 1.0, "s": 1000.0}[p99.group(2)]
    return Load(
        int(answers.group(1)),
        float(per_s.group(1)),
        float(p99.group(1)) * to_ms,
        int(failed.group(1)) if failed else 0,
    )


async def serve_limit(port: int) -> None:
    """The handler without a broker: all that any receiver of signed JSON has to do."""

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        if signing_secret(body, request.headers["X-WC-Webhook-Signature"], [WOO_SECRET]) is None:
            raise web.HTTPUnauthorized
        return web.Response(body=b'{"status":"accepted"}' if from_json(body) else b"", content_type="application/json")

    app = web.Application()
    app.router.add_post(PATH, receive)
    app.router.add_get("/health/ready", lambda _request: _ready())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def _ready() -> web.Response:
    return web.Response()


@asynccontextmanager
async def process(port: int, *arguments: str, environ: dict[str, str]) -> AsyncIterator[int]:
    """The id of a Python process that answers /health/ready inside the block."""
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environ)
    try:
        async with ClientSession() as session:
            url = f"http://127.0.0.1:{port}/health/ready"

            async def ready() -> bool:
                try:
                    async with session.get(url) as response:
                        return response.status == 200
                except ClientConnectionError:
                    return False

            await eventually(ready, timeout_s=60, what=f"{arguments} ready")
        yield child.pid
    finally:
        child.terminate()
        await child.wait()


def cpu_s(pid: int) -> float:
    """What a process has used so far, in user and kernel mode (fields 14 and 15 of proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(resident.group(1)) / 1000 if resident else 0.0


async def run(database_url: str, broker_url: str, folder: Path) -> list[Figure]:
    """Needs an empty database, a RabbitMQ virtual host of its own and wrk."""
    if shutil.which("wrk") is None:
        sys.stderr.write(f"{NO_WRK}\n")
        return []
    script = folder / "orders.lua"
    write_script(recorded_orders(), script)
    await connect_three_stores(database_url)
    async with listening(broker_url, database_url):
        pass  # leaves a bound queue behind, and nobody who empties it
    ports = unused_port(), unused_port()
    environ = service_environ(database_url, broker_url, PORT=str(ports[1]), LOG_LEVEL="warning")
    async with (
        process(ports[0], "-m", "tests.bench.webhooks", "limit", str(ports[0]), environ={}) as bare,
        process(ports[1], "-m", "webhook_ingest", environ=environ) as ingest,
    ):
        limits, loads, rss_mb = await _take_turns(ports, script, bare, ingest)
        missing = await _missing(broker_url, database_url, sum(load.answers - load.failed for load in loads))
    return [_figure(limits, loads[1:], rss_mb, missing, accepted=sum(load.answers for load in loads))]


async def _take_turns(
    ports: tuple[int, int], script: Path, bare: int, ingest: int
) -> tuple[list[Load], list[Load], list[float]]:
    """The limit's rounds, ingest's (the first one is the warm-up), and ingest's memory after each."""
    limits: list[Load] = []
    await load(ports[0], script, WARM_UP_S, bare)
    loads = [await load(ports[1], script, WARM_UP_S, ingest)]
    rss_mb = [resident_mb(ingest)]
    while len(limits) < ROUNDS or (len(limits) < ROUNDS_MAX and sum(load.answers for load in loads[1:]) < WAITING_GOAL):
        limits.append(await load(ports[0], script, ROUND_S, bare))
        loads.append(await load(ports[1], script, ROUND_S, ingest))
        rss_mb.append(resident_mb(ingest))
    return limits, loads, rss_mb


async def _missing(broker_url: str, database_url: str, accepted: int) -> int:
    """How many of the accepted events a consumer does not find in the queue."""
    async with listening(broker_url, database_url) as listener:
        try:
            await listener.wait_for(accepted, timeout_s=120)
        except AssertionError:
            return accepted - len(listener.heard)
    return 0


def _figure(
    limits: Sequence[Load], loads: Sequence[Load], rss_mb: Sequence[float], missing: int, accepted: int
) -> Figure:
    per_s = statistics.median(load.per_s for load in loads)
    limit_per_s = statistics.median(load.per_s for load in limits)
    p99_ms = statistics.median(load.p99_ms for load in loads)
    growth_mb = rss_mb[-1] - rss_mb[0]
    failed = sum(load.failed for load in loads)
    met = per_s >= RATIO_GOAL * limit_per_s and p99_ms < P99_GOAL_MS and growth_mb < GROWTH_GOAL_MB
    return Figure(
        f"durable webhooks, {CONNECTIONS} connections",
        per_s,
        "per s",
        limit_per_s,
        "per s, same handler without a broker",
        f"ratio {RATIO_GOAL} or more, p99 under {P99_GOAL_MS:.0f} ms, memory flat",
        met and missing == 0 and failed == 0,
        {
            "p99 ms": p99_ms,
            "limit p99 ms": statistics.median(load.p99_ms for load in limits),
            "CPU us each": statistics.median(load.cpu_us for load in loads),
            "limit CPU us each": statistics.median(load.cpu_us for load in limits),
            "waiting": accepted,
            "not found in the queue": missing,
            "not answered 200": failed,
            "memory MB": rss_mb[0],
            "memory grown MB": growth_mb,
        },
    )


async def _alone(folder: Path) -> list[Figure]:
    """With servers of its own."""
    node = RabbitNode(folder)
    try:
        node.start()
        with embedded_postgres(folder / "pg") as database_url:
            return await run(database_url, node.url, folder)
    finally:
        node.close()


def main() -> None:
    if sys.argv[1:2] == ["limit"]:
        uvloop.run(serve_limit(int(sys.argv[2])))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the database server runs as its own user when this runs as root
        figures = uvloop.run(_alone(folder))
    sys.stdout.write(table(figures) + "\n")
    write_json(figures, Path("build/bench/webhooks.json"))


if __name__ == "__main__":
    main()
