"""Secrets at rest: AES-256-GCM, bound to the place they belong to."""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES: Final = 12
FORM_V1: Final = b"\x01"


class VaultError(Exception):
    """The sealed bytes were not made with this key for this context."""


class Vault:
    """Seals text with the deployment's key.

    `context` (for example the owning business and store) is authenticated too, so a sealed value copied into
    another row does not open there.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plaintext: str, *, context: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return FORM_V1 + nonce + self._cipher.encrypt(nonce, plaintext.encode(), context.encode())

    def open(self, sealed: bytes, *, context: str) -> str:
        """Raises VaultError."""
        if sealed[:1] != FORM_V1:
            raise VaultError("unknown form of sealed secret")
        nonce, box = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, box, context.encode()).decode()
        except InvalidTag as error:
            raise VaultError("ENCRYPTION_KEY does not open this secret") from error
