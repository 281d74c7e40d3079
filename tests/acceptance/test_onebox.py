"""`make run` as its user meets it: it comes up, sells, ends cleanly, and goes on from its data."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import unused_port

from prokip_onebox.operator import Operator
from tests.support.eventually import eventually
from tests.support.ports import ports_in_a_row

SALE_LINE = re.compile(r"^sale \S+ at .+: \S+.*; right in 3 stores after \d+ ms$")
SIGN_IN_LINE = re.compile(r"dashboard\s+(\S+)\s+sign in as (\S+) / (\S+)")
SERVERS = 4  # Prokip, Shopify and two WooCommerce stores listen on ports in a row
START_TIMEOUT_S = 60.0


def _environ(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DATA_DIR": str(folder / "data"),
        "GATEWAY_PORT": str(unused_port()),
        "INGEST_PORT": str(unused_port()),
        "INVENTORY_PORT": str(unused_port()),
        "STORE_PUSH_PORT": str(unused_port()),
        "POLLER_PORT": str(unused_port()),
        "SANDBOX_PORT": str(ports_in_a_row(SERVERS)),
        "SANDBOX_SHOPIFY_STORES": "1",
        "SANDBOX_WOOCOMMERCE_STORES": "2",
        "SANDBOX_PRODUCTS": "12",
        "SANDBOX_ORDERS_PER_MINUTE": "240",
    }


class Run:
    """One `make run` and what it has printed."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip())

    async def sees(self, pattern: re.Pattern[str]) -> re.Match[str]:
        async def printed() -> re.Match[str] | None:
            assert self.process.returncode is None, "\n".join(self.lines)
            return next((found for line in self.lines if (found := pattern.search(line))), None)

        found = await eventually(printed, timeout_s=START_TIMEOUT_S, what=f"a line like {pattern.pattern}")
        assert found is not None
        return found


@asynccontextmanager
async def _run(environ: dict[str, str]) -> AsyncIterator[Run]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prokip_onebox", env=environ, stdout=PIPE, stderr=STDOUT
    )
    run = Run(process)
    reading = asyncio.create_task(run.read())
    try:
        yield run
        process.send_signal(signal.SIGINT)  # as Ctrl-C
        assert await process.wait() == 0, "\n".join(run.lines)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        await reading


async def _sales_today(run: Run) -> int:
    url, username, password = (await run.sees(SIGN_IN_LINE)).groups()
    async with ClientSession() as session:
        operator = Operator(session, url.rstrip("/"))
        await operator.sign_in(username, password)
        return int((await operator.call("GET", "/api/v1/overview"))["sales"]["today"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)  # the database server runs as its own user when the tests run as root
    return tmp_path


async def test_it_comes_up_sells_ends_cleanly_and_goes_on_from_its_data(folder: Path) -> None:
    environ = _environ(folder)
    async with _run(environ) as first:
        login = (await first.sees(SIGN_IN_LINE)).groups()
        await first.sees(SALE_LINE)
        sales = await _sales_today(first)
        assert sales > 0
    assert any(line.startswith("connected WooCommerce") for line in first.lines)
    assert any(line.startswith("ending; your data stays in") for line in first.lines)
    sandbox = json.loads((folder / "data" / "sandbox" / "prokip.json").read_text(encoding="utf-8"))
    assert sandbox
    async with _run(environ) as second:
        assert (await second.sees(SIGN_IN_LINE)).groups() == login
        await second.sees(SALE_LINE)
        assert await _sales_today(second) > sales
    assert not any(line.startswith("connected") for line in second.lines)


async def test_a_port_in_use_is_told_before_anything_starts(folder: Path) -> None:
    environ = _environ(folder)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(environ["STORE_PUSH_PORT"])))
        taken.listen()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "prokip_onebox", env=environ, stdout=PIPE, stderr=STDOUT
        )
        out, _err = await process.communicate()
    assert process.returncode == 2
    assert out.decode().startswith(f"STORE_PUSH_PORT: port {environ['STORE_PUSH_PORT']} cannot be used")
    assert not (folder / "data").exists()


async def test_a_bad_setting_is_one_line_that_names_it(folder: Path) -> None:
    environ = _environ(folder) | {"SANDBOX_PRODUCTS": "many"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prokip_onebox", env=environ, stdout=PIPE, stderr=STDOUT
    )
    out, _err = await process.communicate()
    assert process.returncode == 2
    assert out.decode().startswith("SANDBOX_PRODUCTS: ")
    assert out.count(b"\n") == 1
