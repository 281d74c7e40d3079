"""Webhook secrets of stores: rows of the table."""

from typing import Final

from gateway.handlers import secrets
from gateway.models.secrets import RotatedSecret, RotateSecret, SecretUse
from gateway.routes.shared import ID, V1
from gateway.routing import Docs, route, route_given

SECRET_ROUTES: Final = (
    route(
        "GET",
        f"{V1}/connections/{ID}/secret",
        secrets.show_secret_use,
        answer=SecretUse,
        docs=Docs("connections", "Which webhook secrets are valid, and when each was used last", (404,)),
    ),
    route_given(
        "POST",
        f"{V1}/connections/{ID}/secret",
        RotateSecret,
        secrets.rotate_secret,
        answer=RotatedSecret,
        body_optional=True,
        docs=Docs("connections", "A new webhook secret; the old one stays valid for a while", (404, 409, 502)),
    ),
)
