"""Live events: rows of the table."""

from typing import Final

from gateway.handlers import (
    events,
)
from gateway.models.base import Page
from gateway.models.live import EventsQuery, LiveEvent, RecentQuery
from gateway.routes.shared import V1
from gateway.routing import Docs, route_given

LIVE_ROUTES: Final = (
    route_given(
        "GET",
        f"{V1}/events",
        EventsQuery,
        events.stream_events,
        answer=LiveEvent,
        answer_type="text/event-stream",
        docs=Docs("live", "The live feed; each event's data is this object", (503,)),
    ),
    route_given(
        "GET",
        f"{V1}/events/recent",
        RecentQuery,
        events.recent_events,
        answer=Page[LiveEvent],
        docs=Docs("live", "The latest events, newest first"),
    ),
)
