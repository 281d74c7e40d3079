"""The keys of one installation: made at the first run, kept in a file that only its owner reads."""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

KEY_BYTES: Final = 32
PASSWORD_BYTES: Final = 9


class Keys(BaseModel):
    model_config = ConfigDict(frozen=True)

    encryption_key: str
    internal_secret: str
    jwt_secret: str
    operator_username: str
    operator_password: str


def load_or_make_keys(file: Path) -> Keys:
    """Losing this file means that stored credentials cannot be opened any more."""
    if file.exists():
        return Keys.model_validate_json(file.read_text(encoding="utf-8"))
    keys = Keys(
        encryption_key=base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
        internal_secret=secrets.token_urlsafe(KEY_BYTES),
        jwt_secret=secrets.token_urlsafe(KEY_BYTES),
        operator_username="operator",
        operator_password=secrets.token_urlsafe(PASSWORD_BYTES),
    )
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump(keys.model_dump(), handle, indent=2)
    return keys
