"""Configuration from the environment: checked once at start, frozen afterwards."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretBytes, SecretStr, ValidationError

S = TypeVar("S", bound="Settings")

ENCRYPTION_KEY_BYTES = 32
INTERNAL_SECRET_CHARS_MIN = 32


class SettingsError(Exception):
    """One line for the operator that names the environment variable and what is wrong with it."""


def _key_from_base64(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        key = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("must be base64") from error
    if len(key) != ENCRYPTION_KEY_BYTES:
        raise ValueError(f"must be {ENCRYPTION_KEY_BYTES} bytes in base64, has {len(key)}")
    return key


def _split_on_commas(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


EncryptionKey = Annotated[SecretBytes, BeforeValidator(_key_from_base64)]
CommaList = Annotated[tuple[str, ...], BeforeValidator(_split_on_commas)]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")]


class Settings(BaseModel):
    """Fields are read from environment variables of the same name in upper case."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServiceSettings(Settings):
    """What every service needs."""

    database_url: Annotated[str, Field(pattern=r"^postgres(ql)?://")]
    broker_url: Annotated[str, Field(pattern=r"^(postgres$|amqps?://)")] = "postgres"
    """`postgres`: the bus lives in DATABASE_URL; else the address of a RabbitMQ server."""
    encryption_key: EncryptionKey
    internal_secret: Annotated[SecretStr, Field(min_length=INTERNAL_SECRET_CHARS_MIN)]
    """Signs the tokens with which services call each other's read APIs."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)]
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_timeout_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    database_connections_max: Annotated[int, Field(ge=2, le=200)] = 8


class OutwardSettings(ServiceSettings):
    """Of services that call addresses which people typed in."""

    allowed_private_hosts: CommaList = ()
    """Hosts that stores and Prokip may have although they resolve to private addresses; only they may use plain http.
    For development and for a Prokip in the same network; empty in production otherwise."""
    allowed_self_signed_hosts: CommaList = ()
    """Hosts whose certificate is not checked, so that whoever is on the way can read along; for laboratories."""


def load_settings(settings_class: type[S], environ: Mapping[str, str]) -> S:
    """Reads the variables that the class names; empty ones count as not set.

    Raises SettingsError for the first variable that is missing or wrong.
    """
    values = {
        name: environ[name.upper()] for name in settings_class.model_fields if environ.get(name.upper(), "") != ""
    }
    try:
        return settings_class.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        variable = str(first["loc"][0]).upper() if first["loc"] else "environment"
        wrong = "is not set" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{variable}: {wrong}") from error
