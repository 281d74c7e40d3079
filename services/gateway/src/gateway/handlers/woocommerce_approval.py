"""Connecting a WooCommerce store by its own approval page: away, the keys that it posts, and back."""

from typing import Final

from aiohttp import web

from gateway.callers import CALLER
from gateway.connecting.ways import WAY_LIVES_S
from gateway.connecting.woocommerce_approval import RETURN_PATH, WooApprovalDesk
from gateway.handlers.connections import location_or_default
from gateway.keys import APPROVAL, SETTINGS
from gateway.models.base import Message
from gateway.models.woocommerce_approval import ApprovalQuery, WayToWooCommerce, WooCommerceKeys
from gateway.storage.woocommerce_approvals import PostedKeys
from prokip_shared.web.problems import Problem

COOKIE: Final = "prokip_woocommerce"
CONNECT_PAGE: Final = "/dashboard/stores/connect/woocommerce"
CONNECTED_PAGE: Final = "/dashboard/stores"


async def begin_approval(request: web.Request, given: ApprovalQuery) -> web.Response:
    """A redirect; whoever asks for JSON gets the address instead. The cookie is Lax, because the way back begins at
    the store, and of no use anywhere else.
    """
    desk, caller = _desk(request), request[CALLER]
    location_id = await location_or_default(request, given.location_id)
    way = await desk.begin(
        given.store_url, user_id=caller.user_id, business_id=caller.business_id, location_id=location_id
    )
    if "application/json" in request.headers.get("Accept", ""):
        body = WayToWooCommerce(authorize_url=way.url).model_dump_json(by_alias=True)
        response = web.Response(text=body, content_type="application/json")
    else:
        response = web.Response(status=302, headers={"Location": way.url})
    response.set_cookie(
        COOKIE,
        way.browser,
        max_age=int(WAY_LIVES_S),
        path=RETURN_PATH,
        httponly=True,
        samesite="Lax",
        secure=request.app[SETTINGS].behind_https,
    )
    return response


async def take_keys(request: web.Request, given: WooCommerceKeys) -> Message:
    """WooCommerce deletes the keys again unless this is answered 200."""
    keys = PostedKeys(given.consumer_key, given.consumer_secret)
    await _desk(request).take_keys(request.match_info["ticket"], given.user_id, keys)
    return Message(message="Keys received")


async def finish_approval(request: web.Request) -> web.Response:
    """Where the store sends the browser back to. A person gets a page; a program gets the problem."""
    query = request.query
    try:
        await _desk(request).finish(query.get("user_id", ""), request.cookies.get(COOKIE, ""), query.get("success", ""))
    except Problem as problem:
        if "text/html" not in request.headers.get("Accept", ""):
            raise
        return _to(f"{CONNECT_PAGE}?refused={problem.code}")
    return _to(CONNECTED_PAGE)


def _desk(request: web.Request) -> WooApprovalDesk:
    desk = request.app[APPROVAL]
    if desk is None:
        raise Problem(
            409,
            "Not set up",
            code="approval_not_set_up",
            detail="Stores do not know the way back here (PUBLIC_URL). Connect the store with API keys: "
            "POST /connections/woocommerce {storeUrl, consumerKey, consumerSecret}.",
        )
    return desk


def _to(address: str) -> web.Response:
    response = web.Response(status=303, headers={"Location": address})
    response.del_cookie(COOKIE, path=RETURN_PATH)
    return response
