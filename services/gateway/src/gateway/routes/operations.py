"""Overview and parked messages: rows of the table."""

from typing import Final

from gateway.handlers import (
    operations,
)
from gateway.models.base import Message
from gateway.models.operations import (
    Overview,
    ParkedPage,
    ParkedQuery,
)
from gateway.routes.shared import AWAY, UUID_ID, V1
from gateway.routing import Docs, route, route_given

OPERATION_ROUTES: Final = (
    route(
        "GET",
        f"{V1}/overview",
        operations.overview,
        answer=Overview,
        docs=Docs("operations", "Counts for a first look"),
    ),
    route_given(
        "GET",
        f"{V1}/parked",
        ParkedQuery,
        operations.list_parked,
        answer=ParkedPage,
        docs=Docs("operations", "Messages that could not be worked on, of all services", AWAY),
    ),
    route(
        "POST",
        f"{V1}/parked/{{service:{'|'.join(operations.SERVICES)}}}/{UUID_ID}/replay",
        operations.replay_parked,
        answer=Message,
        status=202,
        docs=Docs("operations", "Work on a parked message again", (404, *AWAY)),
    ),
)
