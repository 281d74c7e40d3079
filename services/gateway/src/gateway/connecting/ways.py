"""What the ways to a platform's page and back have in common: secrets that are kept as hashes, and refusals."""

import hashlib
import secrets
from typing import Final

from prokip_shared.web.problems import Problem

SECRET_BYTES: Final = 32
WAY_LIVES_S: Final = 600.0


def new_secret() -> str:
    """Hexadecimal: platforms disagree about how other characters are written in addresses."""
    return secrets.token_hex(SECRET_BYTES)


def hash_of(secret: str) -> bytes:
    """What is kept of a secret with 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def refused(code: str, detail: str) -> Problem:
    return Problem(403, "Not accepted", code=code, detail=detail)
