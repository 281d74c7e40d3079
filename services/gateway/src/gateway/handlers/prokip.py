"""The Prokip settings of one business: tried before they are kept."""

from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.callers import CALLER
from gateway.connecting.problems import invalid, wrong_address
from gateway.domain.addresses import AddressProblem, HttpAddress, parse_http_address
from gateway.handlers.translated import prokip_state_of
from gateway.keys import CONNECTIONS, DIRECTORY, PROKIP_CLIENTS, SETTINGS, UPSTREAM
from gateway.models.base import Message
from gateway.models.prokip import Prokip, ProkipChange, ProkipSettings
from gateway.upstream import answer_or_none
from prokip_shared.web.problems import Problem

INTERVAL_S_DEFAULT: Final = 300


async def configure_as_before(request: web.Request, given: ProkipSettings) -> Message:
    await _save(request, ProkipChange(**dict(given)))
    return Message(message="Prokip configured successfully")


async def configure(request: web.Request, given: ProkipChange) -> Prokip:
    await _save(request, given)
    return await show_prokip(request)


async def show_prokip(request: web.Request) -> Prokip:
    """The settings, and what the poller knows; a poller that is away does not hide the settings."""
    business_id = request[CALLER].business_id
    account = await request.app[CONNECTIONS].prokip(business_id)
    if account is None:
        return Prokip(configured=False)
    told = await answer_or_none(request.app[UPSTREAM].poller.get(business_id, "/internal/prokip"))
    return Prokip(
        configured=True,
        dialect=account.dialect,
        api_url=account.api_url,
        location_id=account.location_id,
        interval_s=account.interval_s,
        configured_at=account.configured_at,
        state=prokip_state_of(told["locations"], account.location_id) if told is not None else None,
    )


async def _save(request: web.Request, given: ProkipChange) -> None:
    business_id = request[CALLER].business_id
    connections = request.app[CONNECTIONS]
    try:
        address = parse_http_address(
            given.api_url, private_hosts=request.app[SETTINGS].allowed_private_hosts, what="API address"
        )
    except AddressProblem as error:
        raise wrong_address(error) from error
    stored = await connections.prokip(business_id)
    token = await _token(request, given, address, stored_url=stored.api_url if stored else None)
    client = request.app[PROKIP_CLIENTS](address.url, token)
    checked = await client.check(given.location_id)
    if checked.problem is not None:
        raise Problem(422, "Prokip does not answer as it should", code="prokip_refused", detail=checked.problem)
    await connections.save_prokip(
        business_id,
        api_url=address.url,
        location_id=given.location_id,
        token=token,
        interval_s=given.interval_s or (stored.interval_s if stored else INTERVAL_S_DEFAULT),
    )


async def _token(request: web.Request, given: ProkipChange, address: HttpAddress, *, stored_url: str | None) -> str:
    """The stored token goes to the host it was given for and to no other."""
    if given.token is not None:
        return given.token.get_secret_value()
    if stored_url is None or _place(stored_url) != _place(address.url):
        raise invalid("token: needed for a new address.")
    directory = request.app[DIRECTORY]
    await directory.refresh()
    account = directory.prokip_account(request[CALLER].business_id)
    if account is None:
        raise invalid("token: the stored one cannot be read any more; give it again.")
    return account.token.get_secret_value()


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
