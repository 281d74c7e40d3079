"""The read and operator API for the gateway. The business comes from the internal token alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, get_args

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from prokip_poller.accounts import Accounts
from prokip_poller.domain.sales import SaleState
from prokip_poller.domain.telling import OrderKey
from prokip_poller.settling import NoSuchOrder, NotSettled, Settling
from prokip_poller.storage.views import FIRST_PLACE, Place, Views
from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem, read_json

PAGE_ROWS: Final = 50
PAGE_ROWS_MAX: Final = 200
BIGINT_MAX: Final = 2**63 - 1


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SettleBody(Body):
    outcome: Literal["recorded", "not_recorded"]
    sell_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    posting_id: Annotated[int, Field(gt=0, le=BIGINT_MAX)] | None = None
    """The request that was looked up; without it the one that is in doubt now."""


class ReturnsBody(Body):
    revision: Annotated[int, Field(ge=0, le=BIGINT_MAX)] | None = None
    """What the operator saw; a newer order is then not confirmed by mistake."""


class InternalApi:
    def __init__(self, *, views: Views, settling: Settling, accounts: Accounts) -> None:
        self._views = views
        self._settling = settling
        self._accounts = accounts

    def routes(self) -> Sequence[web.RouteDef]:
        sale = "/internal/sales/{connection}/{order_ref}"
        return (
            web.get("/internal/prokip", self.prokip),
            web.get("/internal/sale-records", self.sale_records),
            web.get(sale, self.sale_record),
            web.post(f"{sale}/settle", self.settle),
            web.post(f"{sale}/returns-entered", self.returns_entered),
            web.post(f"{sale}/retry", self.retry),
        )

    async def prokip(self, request: web.Request) -> web.Response:
        """How every location is read and how its sales stand."""
        business_id = request[BUSINESS]
        configured = self._accounts.of(business_id) is not None
        return web.json_response({"configured": configured, "locations": await self._views.locations(business_id)})

    async def sale_records(self, request: web.Request) -> web.Response:
        """One page, newest change first; `next` names the page after it."""
        state = request.query.get("state") or None
        if state is not None and state not in get_args(SaleState):
            raise Problem(400, "Bad request", code="bad_state", detail=f"state is one of {get_args(SaleState)}")
        rows_max = page_limit(request.query.get("limit", ""))
        rows = await self._views.sale_records(
            request[BUSINESS], state=state, before=_place(request.query.get("after", "")), rows_max=rows_max
        )
        last = rows[-1] if len(rows) == rows_max else None
        following = f"{last['changed_at']}_{last['connection_id']}_{last['order_ref']}" if last else None
        return web.json_response({"sale_records": rows, "next": following})

    async def sale_record(self, request: web.Request) -> web.Response:
        record = await self._views.sale_record(_order(request))
        if record is None:
            raise _no_such_order()
        return web.json_response(record)

    async def settle(self, request: web.Request) -> web.Response:
        body = await read_json(request, SettleBody)
        try:
            state = await self._settling.settle(
                _order(request),
                recorded=body.outcome == "recorded",
                sell_id=body.sell_id,
                posting_id=body.posting_id,
            )
        except NotSettled as error:
            raise _problem_of(error) from error
        return web.json_response({"state": state})

    async def returns_entered(self, request: web.Request) -> web.Response:
        body = await read_json(request, ReturnsBody) if request.body_exists else ReturnsBody()
        try:
            state = await self._settling.returns_entered(_order(request), revision=body.revision)
        except NotSettled as error:
            raise _problem_of(error) from error
        return web.json_response({"state": state})

    async def retry(self, request: web.Request) -> web.Response:
        try:
            state = await self._settling.retry(_order(request))
        except NotSettled as error:
            raise _problem_of(error) from error
        return web.json_response({"state": state})


def _problem_of(error: NotSettled) -> Problem:
    if isinstance(error, NoSuchOrder):
        return _no_such_order()
    return Problem(409, "Conflict", code="sale_not_in_this_state", detail=str(error))


def _no_such_order() -> Problem:
    return Problem(404, "Not found", code="sale_not_found", detail="The business has no such order.")


def _order(request: web.Request) -> OrderKey:
    connection, order_ref = request.match_info["connection"], request.match_info["order_ref"]
    if not (connection.isascii() and connection.isdigit()) or int(connection) > BIGINT_MAX or "\x00" in order_ref:
        raise _no_such_order()
    return OrderKey(request[BUSINESS], int(connection), order_ref)


def page_limit(given: str) -> int:
    if not given:
        return PAGE_ROWS
    if not (given.isascii() and given.isdigit()) or not 1 <= int(given) <= PAGE_ROWS_MAX:
        raise Problem(400, "Bad request", code="bad_limit", detail=f"limit is a number from 1 to {PAGE_ROWS_MAX}")
    return int(given)


def _place(name: str) -> Place:
    """The place that an earlier page's `next` named; the beginning for an empty name."""
    if not name:
        return FIRST_PLACE
    moment, _, rest = name.partition("_")
    connection, _, order_ref = rest.partition("_")
    try:
        parsed = datetime.fromisoformat(moment)
        place = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC), int(connection), order_ref)
    except ValueError as error:
        raise Problem(
            400, "Bad request", code="bad_place", detail="`after` must be an earlier answer's `next`."
        ) from error
    return place
