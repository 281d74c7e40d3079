"""A certificate that nobody vouches for, as shops in a laboratory have them."""

import ssl
import subprocess
from pathlib import Path

COMMAND = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1")


def self_signed(folder: Path) -> ssl.SSLContext:
    """For a server on 127.0.0.1."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run([*COMMAND, "-keyout", key, "-out", certificate], check=True, capture_output=True)  # noqa: S603
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
