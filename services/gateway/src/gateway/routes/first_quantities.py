"""First quantities of stores: rows of the table."""

from typing import Final

from gateway.handlers import (
    first_quantities,
)
from gateway.models.base import Page
from gateway.models.first_quantities import FirstChange, FirstChangesQuery, FirstDecision, FirstQuantities
from gateway.routes.shared import AWAY, ID, V1
from gateway.routing import Docs, route, route_given

STORE: Final = f"{V1}/connections/{ID}/first-quantities"
DECIDED: Final = (404, 409, *AWAY)

FIRST_QUANTITY_ROUTES: Final = (
    route(
        "GET",
        f"{V1}/connections/first-quantities",
        first_quantities.list_held_first_quantities,
        answer=Page[FirstQuantities],
        docs=Docs("first quantities", "Stores that are not written to until somebody decides", AWAY),
    ),
    route(
        "GET",
        STORE,
        first_quantities.show_first_quantities,
        answer=FirstQuantities,
        docs=Docs("first quantities", "What a store is to show for the first time, counted", (404, *AWAY)),
    ),
    route_given(
        "GET",
        f"{STORE}/changes",
        FirstChangesQuery,
        first_quantities.list_first_changes,
        answer=Page[FirstChange],
        docs=Docs("first quantities", "From what to what each listing would change", (404, *AWAY)),
    ),
    route(
        "POST",
        f"{STORE}/release",
        first_quantities.release_first_quantities,
        answer=FirstDecision,
        docs=Docs("first quantities", "Write them", DECIDED),
    ),
    route(
        "POST",
        f"{STORE}/refuse",
        first_quantities.refuse_first_quantities,
        answer=FirstDecision,
        docs=Docs("first quantities", "Do not write them", DECIDED),
    ),
    route(
        "POST",
        f"{STORE}/reconsider",
        first_quantities.reconsider_first_quantities,
        answer=FirstDecision,
        docs=Docs("first quantities", "Look at them again, with what there is by now", DECIDED),
    ),
)
