"""`make bench`: every figure beside a limit measured in the same run, as a table and as JSON.

`python -m tests.bench webhooks ledger` runs some only. Exits 1 when a goal is missed. Loopback only, bounded in time.
"""

import argparse
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import uvloop

from prokip_onebox.postgres import embedded_postgres
from tests.bench import bad_neighbours, ledger, lost_webhooks, poll, propagation, shopify_races, store_calls, webhooks
from tests.bench.figures import Figure, table, write_json
from tests.support.rabbitmq import RabbitNode

Bench = Callable[[str, str, Path], Awaitable[list[Figure]]]

BENCHES: Final[dict[str, Bench]] = {
    "webhooks": webhooks.run,
    "ledger": ledger.run,
    "propagation": propagation.run,
    "store_calls": store_calls.run,
    "shopify_races": shopify_races.run,
    "lost_webhooks": lost_webhooks.run,
    "bad_neighbours": bad_neighbours.run,
    "poll": poll.run,
}
JSON_FILE: Final = Path("build/bench/figures.json")


async def _on_fresh_database(bench: Bench, server_url: str, broker_url: str, folder: Path) -> list[Figure]:
    name = f"bench_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(server_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    try:
        return await bench(urlunsplit(urlsplit(server_url)._replace(path=f"/{name}")), broker_url, folder)
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="|".join(BENCHES), help="default: all")
    names = parser.parse_args().names or list(BENCHES)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="prokip-bench-") as given:
        folder = Path(given)
        folder.chmod(0o755)  # the database server runs as a user of its own when this runs as root
        with embedded_postgres(folder / "postgres") as server_url:
            node = RabbitNode(folder / "rabbitmq")
            node.folder.mkdir()
            try:
                node.start()
                for name in names:
                    work = folder / name
                    work.mkdir()
                    host = node.fresh_host()  # what one leaves in its queues is not the next one's work
                    bench = _on_fresh_database(BENCHES[name], server_url, f"{node.url}{host}", work)
                    figures += uvloop.run(bench)
                    sys.stdout.write(table(figures) + "\n\n")
                    sys.stdout.flush()
            finally:
                node.close()
    write_json(figures, JSON_FILE)
    sys.stdout.write(f"written to {JSON_FILE}\n")
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
