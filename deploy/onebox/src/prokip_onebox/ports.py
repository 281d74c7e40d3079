"""Free or taken: told before anything starts, with the variable that chooses the port."""

import socket
from collections.abc import Iterable


def first_taken(host: str, ports: Iterable[tuple[str, int]]) -> str | None:
    """A line for the operator about the first port that cannot be listened on; None when all are free."""
    for variable, port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                return f"{variable.upper()}: port {port} cannot be used: {error.strerror}. Choose another one."
    return None
