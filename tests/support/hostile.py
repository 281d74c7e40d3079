"""What a stranger may send: broken bodies, values of every wrong kind, and a look at what was stored."""

import asyncio
import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from yarl import URL

from tests.support.eventually import PATIENCE_S

PROBLEM: Final = "application/problem+json"
BROKEN_BODIES: Final[Mapping[str, bytes]] = {
    "empty": b"",
    "half": b'{"name": "a',
    "no JSON": b"name=a&b=c",
    "broken UTF-8": b'{"name": "\xff\xfe\xfa"}',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "a number": b"1e400",
    "deep lists": b"[" * 30_000,
    "deep objects": b'{"a":' * 10_000,
    "deep and closed": b"[" * 20_000 + b"]" * 20_000,
    "not a number": b'{"name": NaN, "businessId": NaN, "connectionId": -Infinity}',
    "five thousand digits": b'{"businessId": ' + b"9" * 5000 + b"}",
    "the same name twice": b'{"name": 1, "name": {"name": 2}}',
}
HOSTILE_VALUES: Final[Mapping[str, Any]] = {
    "null": None,
    "a list": [],
    "an object": {"$ne": ""},
    "true": True,
    "minus one": -1,
    "beyond 64 bits": 10**30,
    "exactly 2^63": 2**63,
    "a huge float": 1e308,
    "NaN": float("nan"),
    "NUL": "\0",
    "NUL inside": "abc\0defgh",
    "half a surrogate": "\ud800abcdefg",
    "very long": "a" * 50_000,
    "long in bytes": "😀" * 250,
    "a path": "../../../../etc/passwd",
    "SQL": "'; DROP TABLE gateway.connection; --",
    "a new line": "abc\r\nX-Injected: yes",
}
HOSTILE_TEXTS: Final[Mapping[str, str]] = {
    "empty": "",
    "minus one": "-1",
    "zero": "0",
    "beyond 64 bits": "9" * 30,
    "exactly 2^63": str(2**63),
    "digits of another script": "%D9%A1%D9%A2",
    "a float": "1e3",
    "not a number": "NaN",
    "NUL": "%00",
    "NUL inside": "abc%00def",
    "broken UTF-8": "%ff%fe",
    "half a surrogate": "%ed%a0%80",
    "broken escape": "%zz",
    "very long": "a" * 3000,
    "a path": "..%2f..%2f..%2fetc%2fpasswd",
    "SQL": "%27%3B%20DROP%20TABLE%20x%3B--",
    "wildcards": "%25%25%25_%5C",
}


def cursors() -> dict[str, str]:
    """Page ends that no answer ever named, in the form that answers use."""
    places: dict[str, Any] = {
        "an empty list": [],
        "an object": {},
        "other types": [None, True, {}],
        "NUL": ["\0", "\0", "\0"],
        "a huge revision": [10**30],
        "a negative revision": [-5],
        "a time without end": ["9999-12-31T23:59:59.999999+00:00", 2**63 - 1, "\0"],
        "no time": ["yesterday", 1, "x"],
        "the first time": ["0001-01-01T00:00:00+14:00", 1, "x"],
        "half a surrogate": ["\ud800", "a", "b"],
    }
    encoded = {name: base64.urlsafe_b64encode(json.dumps(place).encode()).decode() for name, place in places.items()}
    return encoded | {
        "half of one": "WyJh",
        "a place by time": "2026-01-01T00:00:00Z_zzz",
        "a place out of time": "0001-01-01T00:00:00%2B14:00_00000000-0000-0000-0000-000000000000",
    }


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def expect_clear_refusal(self, what: str) -> None:
        """A 4xx in the one form of all problems, without a trace."""
        assert 400 <= self.status < 500, f"{what}: {self.status} {self.body[:300]!r}"
        self.expect_problem(what)

    def expect_no_crash(self, what: str, documented: Iterable[int] = ()) -> None:
        """Refused clearly, taken, or answered with a documented trouble of somebody else."""
        assert self.status < 500 or (self.status in documented and self.status != 500), f"{what}: {self.status}"
        assert b"Traceback" not in self.body, what
        if self.status >= 400:
            self.expect_problem(what)

    def expect_problem(self, what: str) -> None:
        assert self.headers.get("Content-Type", "").startswith(PROBLEM), f"{what}: {self.headers}"
        problem = json.loads(self.body)
        assert problem["status"] == self.status, what
        assert problem["code"], what
        assert problem["title"], what
        assert b"Traceback" not in self.body, what


async def row_counts(database: "asyncpg.Connection[asyncpg.Record]", *, without: Iterable[str] = ()) -> dict[str, int]:
    """Rows by table of all schemas of the services."""
    tables = await database.fetch(
        """SELECT schemaname || '.' || tablename AS name FROM pg_tables
           WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname || '.' || tablename <> ALL ($1)
           ORDER BY 1""",
        list(without),
    )
    counts = " UNION ALL ".join(f"SELECT '{row['name']}' AS name, count(*) FROM {row['name']}" for row in tables)  # noqa: S608  # names from the catalogue
    return {row["name"]: row["count"] for row in await database.fetch(counts)}


async def send_raw(url: str, request: bytes, *, timeout_s: float = PATIENCE_S) -> Answer:
    """Bytes as they are, for what no client library would send; status 0 when the server just hangs up."""
    parts = URL(url)
    reader, writer = await asyncio.open_connection(parts.host, parts.port)
    try:
        writer.write(request)
        async with asyncio.timeout(timeout_s):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
            length = int(headers.get("Content-Length", "0"))
            body = await reader.readexactly(length)
        return Answer(int(lines[0].split()[1]), headers, body)
    except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
        return Answer(0, {}, b"")
    finally:
        writer.close()
