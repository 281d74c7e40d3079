"""Free ports next to each other, for servers that take several in a row."""

import socket

from aiohttp.test_utils import unused_port


def ports_in_a_row(count: int) -> int:
    """The first of `count` free neighbouring ports."""
    while True:
        first = unused_port()
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
