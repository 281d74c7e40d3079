"""Connecting a Shopify shop by its own consent page: away, back, and the choice of a location."""

from typing import Final
from uuid import UUID

from aiohttp import web

from gateway.callers import CALLER
from gateway.connecting.shopify_consent import CALLBACK_PATH, ShopifyConsent
from gateway.connecting.ways import WAY_LIVES_S
from gateway.handlers.connections import connected_answer, location_or_default
from gateway.keys import CONSENT, SETTINGS
from gateway.models.base import Message
from gateway.models.connections import ChoosePlace, Connected, ConsentQuery, Place, WaitingInstall, WayToShopify
from prokip_shared.messages import utc_now
from prokip_shared.web.problems import Problem

COOKIE: Final = "prokip_shopify"
CONNECT_PAGE: Final = "/dashboard/stores/connect/shopify"
CONNECTED_PAGE: Final = "/dashboard/stores"
SHOP_CONNECTED: Final = "Shopify store connected successfully"


async def begin_consent(request: web.Request, given: ConsentQuery) -> WayToShopify | web.Response:
    """A redirect; whoever asks for JSON gets the address instead. The cookie is Lax, because the way back begins at
    Shopify, and of no use anywhere else.
    """
    consent, caller = _consent(request), request[CALLER]
    location_id = await location_or_default(request, given.location_id)
    way = await consent.begin(
        given.shop, user_id=caller.user_id, business_id=caller.business_id, location_id=location_id
    )
    if "application/json" in request.headers.get("Accept", ""):
        response = web.Response(
            text=WayToShopify(authorize_url=way.url).model_dump_json(by_alias=True), content_type="application/json"
        )
    else:
        response = web.Response(status=302, headers={"Location": way.url})
    response.set_cookie(
        COOKIE,
        way.browser,
        max_age=int(WAY_LIVES_S),
        path=CALLBACK_PATH,
        httponly=True,
        samesite="Lax",
        secure=request.app[SETTINGS].behind_https,
    )
    return response


async def finish_consent(request: web.Request) -> Message | web.Response:
    """Where Shopify sends the browser back to. A person gets a page; a program gets the problem."""
    try:
        granted = await _consent(request).finish(
            list(request.query.items()), request.cookies.get(COOKIE, ""), now=utc_now()
        )
    except Problem as problem:
        if "text/html" not in request.headers.get("Accept", ""):
            raise
        return _to(f"{CONNECT_PAGE}?refused={problem.code}")
    if granted.install_id is not None:
        return _to(f"{CONNECT_PAGE}?install={granted.install_id}")
    return _to(CONNECTED_PAGE)


async def show_install(request: web.Request) -> WaitingInstall:
    consent, business_id = _consent(request), request[CALLER].business_id
    shop, places = await consent.places(business_id, _install_id(request))
    return WaitingInstall(shop=shop, places=[Place(id=place.place_ref, name=place.name) for place in places])


async def choose_place(request: web.Request, given: ChoosePlace) -> Connected:
    connection_id = await _consent(request).choose(request[CALLER].business_id, _install_id(request), given.place_id)
    return await connected_answer(request, connection_id, SHOP_CONNECTED)


def _consent(request: web.Request) -> ShopifyConsent:
    consent = request.app[CONSENT]
    if consent is None:
        raise Problem(
            409,
            "Not set up",
            code="oauth_not_set_up",
            detail="No Shopify app is set up here (SHOPIFY_CLIENT_ID). Connect the shop with an access token: "
            "POST /connections/shopify {shop, accessToken, apiSecret}.",
        )
    return consent


def _install_id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise Problem(404, "Not found", code="no_such_install", detail="Nothing waits under this number.") from None


def _to(address: str) -> web.Response:
    response = web.Response(status=303, headers={"Location": address})
    response.del_cookie(COOKIE, path=CALLBACK_PATH)
    return response
