"""The Prokip settings of one business: tried before they are kept."""

from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.callers import CALLER
from gateway.connecting.problems import missing, wrong_address
from gateway.domain.addresses import AddressProblem, HttpAddress, parse_http_address
from gateway.domain.prokip_logins import Missing, connector_credentials, simple_credentials
from gateway.handlers.translated import prokip_state_of
from gateway.keys import CONNECTIONS, DIRECTORY, PROKIP, SETTINGS, UPSTREAM
from gateway.models.prokip import (
    ConnectorLogin,
    Prokip,
    ProkipChange,
    ProkipChoices,
    ProkipConfigured,
    ProkipContact,
    ProkipLocation,
)
from gateway.storage.connections import NewProkip
from gateway.upstream import answer_or_none
from prokip_shared.connections import ProkipCredentials
from prokip_shared.platforms.prokip import ProkipError
from prokip_shared.web.problems import Problem

INTERVAL_S_DEFAULT: Final = 300


async def configure_as_before(request: web.Request, given: ProkipChange) -> ProkipConfigured:
    warnings = await _save(request, given)
    return ProkipConfigured(message="Prokip configured successfully", warnings=warnings)


async def configure(request: web.Request, given: ProkipChange) -> Prokip:
    warnings = await _save(request, given)
    return (await show_prokip(request)).model_copy(update={"warnings": warnings})


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
        contact_id=account.contact_id,
        timezone=account.timezone,
        interval_s=account.interval_s,
        configured_at=account.configured_at,
        state=prokip_state_of(told["locations"], account.location_id) if told is not None else None,
    )


async def list_choices(request: web.Request, given: ConnectorLogin) -> ProkipChoices:
    """What a form can offer instead of asking for numbers."""
    address = _address(request, given.api_url)
    try:
        credentials = connector_credentials(given, await _stored_for(request, address))
        found = await request.app[PROKIP].choices(address.url, credentials)
    except Missing as error:
        raise missing(error.fields) from error
    except ProkipError as failure:
        raise _refused(failure.words) from failure
    return ProkipChoices(
        locations=tuple(ProkipLocation(id=str(one.id), name=one.name, code=one.code) for one in found.locations),
        contacts=tuple(ProkipContact(id=one.id, name=one.name, is_default=one.is_default) for one in found.contacts),
        timezone=found.details.timezone,
    )


async def _save(request: web.Request, given: ProkipChange) -> tuple[str, ...]:
    """The warnings of the check. Raises Problem."""
    address = _address(request, given.api_url)
    credentials = await _credentials(request, given, address)
    checked = await request.app[PROKIP].check(
        address.url, credentials, given.location_id, contact_id=given.contact_id, timezone=given.timezone
    )
    if checked.problem is not None:
        raise _refused(checked.problem)
    business_id = request[CALLER].business_id
    stored = await request.app[CONNECTIONS].prokip(business_id)
    await request.app[CONNECTIONS].save_prokip(
        business_id,
        NewProkip(
            api_url=address.url,
            location_id=given.location_id,
            credentials=credentials,
            contact_id=checked.contact_id,
            timezone=checked.timezone,
            interval_s=given.interval_s or (stored.interval_s if stored else INTERVAL_S_DEFAULT),
        ),
    )
    return checked.warnings


def _address(request: web.Request, api_url: str) -> HttpAddress:
    private_hosts = request.app[SETTINGS].allowed_private_hosts
    try:
        return parse_http_address(api_url, private_hosts=private_hosts, what="API address")
    except AddressProblem as error:
        raise wrong_address(error) from error


async def _credentials(request: web.Request, given: ProkipChange, address: HttpAddress) -> ProkipCredentials:
    stored = await _stored_for(request, address)
    try:
        if given.dialect == "simple":
            return simple_credentials(given.token, stored)
        return connector_credentials(given, stored)
    except Missing as error:
        raise missing(error.fields) from error


async def _stored_for(request: web.Request, address: HttpAddress) -> ProkipCredentials | None:
    """What is stored goes to the host that it was given for and to no other."""
    directory = request.app[DIRECTORY]
    await directory.refresh()
    account = directory.prokip_account(request[CALLER].business_id)
    return account.credentials if account is not None and _place(account.api_url) == _place(address.url) else None


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _refused(words: str) -> Problem:
    return Problem(422, "Prokip does not answer as it should", code="prokip_refused", detail=words)
