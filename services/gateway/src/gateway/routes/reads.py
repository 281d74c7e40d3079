"""Reads of Prokip and the guard over them: rows of the table."""

from typing import Final

from gateway.handlers import (
    reads,
)
from gateway.models.base import Page
from gateway.models.reads import (
    HeldBack,
    LeftAlone,
    ReadChange,
    ReadDecision,
    ReadPartsQuery,
    ReadsQuery,
    StockRead,
)
from gateway.routes.shared import AWAY, ID, V1
from gateway.routing import Docs, route, route_given

READ: Final = f"{V1}/prokip/reads/{ID}"

READ_ROUTES: Final = (
    route_given(
        "GET",
        f"{V1}/prokip/reads",
        ReadsQuery,
        reads.list_reads,
        answer=Page[StockRead],
        docs=Docs("reads", "Reads that changed something or are held, newest first", AWAY),
    ),
    route_given(
        "GET",
        f"{READ}/changes",
        ReadPartsQuery,
        reads.list_changes,
        answer=Page[ReadChange],
        docs=Docs("reads", "From what to what a read changes, by SKU", (404, *AWAY)),
    ),
    route(
        "POST",
        f"{READ}/release",
        reads.release_read,
        answer=ReadDecision,
        docs=Docs("reads", "Let a held read through", (404, 409, *AWAY)),
    ),
    route(
        "POST",
        f"{READ}/refuse",
        reads.refuse_read,
        answer=ReadDecision,
        docs=Docs("reads", "Do not tell what a held read says", (404, 409, *AWAY)),
    ),
    route(
        "POST",
        f"{READ}/undo",
        reads.undo_read,
        answer=ReadDecision,
        docs=Docs("reads", "Tell again what was there before a read", (404, 409, *AWAY)),
    ),
    route(
        "POST",
        f"{READ}/reconsider",
        reads.reconsider_read,
        answer=ReadDecision,
        docs=Docs("reads", "Take a refusal or an undoing back", (404, 409, *AWAY)),
    ),
    route_given(
        "GET",
        f"{V1}/prokip/held-back",
        ReadPartsQuery,
        reads.list_held_back,
        answer=Page[HeldBack],
        docs=Docs("reads", "SKUs that are not told what Prokip shows", AWAY),
    ),
    route_given(
        "GET",
        f"{V1}/prokip/left-alone",
        ReadPartsQuery,
        reads.list_left_alone,
        answer=Page[LeftAlone],
        docs=Docs("reads", "SKUs that Prokip tells no quantity for, with the reason", AWAY),
    ),
)
