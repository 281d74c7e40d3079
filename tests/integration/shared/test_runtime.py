"""The life and death of a process, held on a real one: a small service that is nothing but its runtime."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import unused_port

from prokip_shared.runtime import ServiceContext, ServiceDefinition, running
from prokip_shared.settings import load_settings
from tests.integration.shared.probe_service import ProbeSettings
from tests.support.eventually import eventually
from tests.support.settings import service_environ

PROBE = Path(__file__).parent / "probe_service.py"
DRAIN_TIMEOUT_S = 1.0
PROCESS_END_S = 30.0  # a loaded machine takes its time to end an interpreter


async def _start(database_url: str, port: int, **more: str) -> Process:
    environ = service_environ(database_url, PORT=str(port), DRAIN_TIMEOUT_S=str(DRAIN_TIMEOUT_S), **more)
    return await asyncio.create_subprocess_exec(
        sys.executable, str(PROBE), env=os.environ | environ, stdout=PIPE, stderr=PIPE
    )


async def _status(port: int, path: str = "/health/ready") -> int:
    try:
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            await answer.read()
            return answer.status
    except OSError:
        return 0


async def _started(database_url: str, **more: str) -> tuple[Process, int]:
    port = unused_port()
    process = await _start(database_url, port, **more)

    async def ready() -> bool:
        return await _status(port) == 200

    await eventually(ready, what="the probe service is ready")
    return process, port


async def test_sigterm_lets_a_request_finish_and_ends_with_success(database_url: str) -> None:
    process, port = await _started(database_url)
    slow = asyncio.create_task(_status(port, "/slow?s=0.3"))

    async def in_hand() -> bool:
        return await _status(port, "/waiting") == 200

    await eventually(in_hand, what="the slow request is in hand")
    process.send_signal(signal.SIGTERM)
    assert await slow == 200
    assert await process.wait() == 0


async def test_a_request_that_never_ends_does_not_hold_the_process_beyond_its_bound(database_url: str) -> None:
    process, port = await _started(database_url)
    hanging = asyncio.create_task(_status(port, "/slow?s=3600"))

    async def in_hand() -> bool:
        return await _status(port, "/waiting") == 200

    await eventually(in_hand, what="the slow request is in hand")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert time.monotonic() - began < DRAIN_TIMEOUT_S + PROCESS_END_S
    hanging.cancel()


async def test_a_drain_that_takes_too_long_ends_listening_all_the_same(database_url: str) -> None:
    async def open_app(context: ServiceContext, _settings: ProbeSettings) -> None:
        async def never() -> None:
            await asyncio.Event().wait()

        context.on_drain(never)

    definition = ServiceDefinition("probe", ProbeSettings, open_app, schema="gateway", package="gateway")
    settings = load_settings(ProbeSettings, service_environ(database_url, DRAIN_TIMEOUT_S="0.1"))
    async with running(definition, settings) as service:
        port = int(service.url.rpartition(":")[2])
        assert await _status(port, "/health/live") == 200
    assert await _status(port, "/health/live") == 0


async def test_a_dead_side_task_stops_the_process(database_url: str) -> None:
    process, port = await _started(database_url)
    assert await _status(port, "/kill-side-task") == 200
    assert await process.wait() == 1
    assert process.stdout is not None
    assert b'"action": "service.side_task_died"' in await process.stdout.read()


@pytest.mark.parametrize("variable", ["INTERNAL_SECRET", "ENCRYPTION_KEY", "BROKER_URL", "PORT"])
async def test_a_bad_setting_stops_it_at_start_with_one_line(database_url: str, variable: str) -> None:
    environ = service_environ(database_url) | {variable: "wrong"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROBE), env=os.environ | environ, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 2
    assert out == b""
    assert err.decode().startswith(f"probe: {variable}: ")
    assert err.count(b"\n") == 1


async def test_a_port_in_use_is_told_with_the_variable(database_url: str) -> None:
    process, port = await _started(database_url)
    second = await _start(database_url, port)
    _out, err = await second.communicate()
    assert second.returncode == 2
    assert err.decode().startswith(f"probe: PORT: cannot listen on 127.0.0.1:{port}")
    process.send_signal(signal.SIGTERM)
    await process.wait()


async def test_errors_have_one_form_and_carry_the_correlation_id(database_url: str) -> None:
    process, port = await _started(database_url)
    async with ClientSession(headers={"X-Correlation-Id": "order-4711"}) as session:
        for path, status, code in (
            ("/nowhere", 404, "not_found"),
            ("/slow", 405, "method_not_allowed"),
            ("/broken", 500, "internal_error"),
        ):
            async with session.request("POST" if status == 405 else "GET", f"http://127.0.0.1:{port}{path}") as answer:
                body = await answer.json(content_type="application/problem+json")
                assert (answer.status, body["status"], body["code"]) == (status, status, code)
                assert answer.headers["X-Correlation-Id"] == "order-4711"
                assert "Traceback" not in str(body)
                assert status != 405 or answer.headers["Allow"] == "GET,HEAD"
    process.send_signal(signal.SIGTERM)
    out, _err = await process.communicate()
    line = next(line for line in out.splitlines() if b"request.failed" in line)
    assert b'"correlation_id": "order-4711"' in line
