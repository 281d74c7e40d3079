"""Rounds that an operator asks for: rows of the table."""

from typing import Final

from gateway.handlers import (
    rounds,
)
from gateway.models.base import Message
from gateway.models.rounds import Round
from gateway.routes.shared import ID, UUID_ID, V1
from gateway.routing import Docs, route

ROUND_PROBLEMS: Final = (409, 429)

ROUND_ROUTES: Final = (
    route(
        "POST",
        "/sync/manual",
        rounds.sync_and_wait,
        answer=Message,
        docs=Docs("sync", "A whole round, answered when it is over", (*ROUND_PROBLEMS, 502, 504)),
    ),
    route(
        "POST",
        f"{V1}/sync",
        rounds.start_sync,
        answer=Round,
        status=202,
        docs=Docs("sync", "Start a round for all stores", ROUND_PROBLEMS),
    ),
    route(
        "POST",
        f"{V1}/connections/{ID}/sync",
        rounds.start_store_sync,
        answer=Round,
        status=202,
        docs=Docs("sync", "Start a round for one store", (404, *ROUND_PROBLEMS)),
    ),
    route(
        "GET", f"{V1}/sync/{UUID_ID}", rounds.show_round, answer=Round, docs=Docs("sync", "How a round stands", (404,))
    ),
)
