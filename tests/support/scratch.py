"""Folders for the data of the tests' servers, in memory where the machine has enough of it to spare.

A database is some four hundred small files, and each test gets one: on a disk, making it takes longer than most tests.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108  # only folders of our own in it
FREE_BYTES_MIN: Final = 2 * 1024**3
"""A server's data takes a tenth of it; several test runs may begin at once."""


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Gone when the block ends; other users may enter it, because some servers refuse to run as root."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= FREE_BYTES_MIN
    with TemporaryDirectory(prefix=prefix, dir=MEMORY if roomy else None) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
