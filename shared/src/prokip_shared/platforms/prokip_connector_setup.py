"""Setting up a connector account: what there is to choose from, and whether the choice works. Nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prokip_shared.platforms import prokip_connector_sales as sales
from prokip_shared.platforms import prokip_connector_stock as stock
from prokip_shared.platforms import prokip_connector_wire as wire
from prokip_shared.platforms.prokip import NotAuthorised, ProkipError, Refused, StockCheck, Unusable
from prokip_shared.platforms.prokip_connector_calls import ConnectorCalls
from prokip_shared.platforms.prokip_connector_wire import Contact, Details, Location

CUSTOMER_PAGES_MAX: Final = 20
"""Read while looking for one customer; the default one is among the first that a business ever had."""
NO_OVERSELLING: Final = (
    "Selling more than was purchased (overselling) is switched off in Prokip, so it will refuse online sales of goods "
    "whose purchases are not entered there. They wait visibly here and do no harm to stock."
)
NO_SALES_SEEN: Final = (
    "This login may not see sales in Prokip. Give its role the permission to view them: without it a sale whose answer "
    "got lost cannot be looked up."
)
NO_STOCK_REPORT: Final = (
    "This login may not read Prokip's stock report, so inactive products cannot be told apart: their quantities are "
    "sent to the stores too."
)
NO_CUSTOMERS_SEEN: Final = "This login may not see customers in Prokip, so the given one could not be checked."


@dataclass(frozen=True, slots=True)
class Choices:
    """What an operator can choose from."""

    locations: Sequence[Location]
    contacts: Sequence[Contact]
    """The default one, and those that were read on the way to it."""
    details: Details


class ConnectorSetup:
    def __init__(self, calls: ConnectorCalls) -> None:
        self._calls = calls

    async def choices(self) -> Choices:
        """Raises any ProkipError but InDoubt."""
        locations = wire.locations_of((await self._calls.rows(wire.LOCATIONS_REQUEST)).rows)
        return Choices(locations, await self._contacts(None), await self._details())

    async def check(self, location_id: str, *, contact_id: int | None, timezone: str | None) -> StockCheck:
        """None: Prokip's own default is taken."""
        try:
            return await self._check(location_id, contact_id=contact_id, timezone=timezone)
        except ProkipError as failure:
            return StockCheck(0, failure.words)

    async def _check(self, location_id: str, *, contact_id: int | None, timezone: str | None) -> StockCheck:
        location = choose_location(
            wire.locations_of((await self._calls.rows(wire.LOCATIONS_REQUEST)).rows), location_id
        )
        details = await self._details()
        zone = choose_timezone(details, timezone)
        warnings = []
        try:
            contact = choose_contact(await self._contacts(contact_id), contact_id)
        except NotAuthorised:
            if contact_id is None:
                raise
            contact = contact_id
            warnings.append(NO_CUSTOMERS_SEEN)
        await self._try_sales(location)
        rows = (await self._calls.rows(stock.variations_request(location, 1), stock.variations_of)).rows
        if not rows:
            raise Unusable("Prokip answers an empty stock list for this location.")
        warnings += [NO_STOCK_REPORT] if not await self._reads_report(location) else []
        warnings += [NO_OVERSELLING] if details.allows_overselling is False else []
        if details.timezone is not None and zone != details.timezone:
            warnings.append(f"Prokip's own time zone is {details.timezone}; sales will be dated in {zone}.")
        page = stock.stock_page(rows, location, ())
        return StockCheck(len(page.quantities), None, tuple(warnings), contact, zone)

    async def _details(self) -> Details:
        return wire.details_of(await self._calls.ask(wire.DETAILS_REQUEST))

    async def _contacts(self, wanted: int | None) -> list[Contact]:
        """Until the wanted one, or the default one, is among them. Personal data beyond a name is dropped here."""
        found: list[Contact] = []
        page = 0
        async for rows in self._calls.pages(wire.customers_request):
            page += 1
            found += wire.contacts_of(rows)
            there = any(one.is_default if wanted is None else one.id == wanted for one in found)
            if there or page == CUSTOMER_PAGES_MAX:
                break
        return found

    async def _try_sales(self, location: int) -> None:
        try:
            await self._calls.rows(sales.sell_permission_request(location))
        except NotAuthorised:
            raise NotAuthorised(NO_SALES_SEEN) from None

    async def _reads_report(self, location: int) -> bool:
        try:
            await self._calls.rows(stock.stock_report_request(location, "inactive", 1))
        except (NotAuthorised, Refused, Unusable):
            return False
        return True


def choose_location(locations: Sequence[Location], location_id: str) -> int:
    """Raises Refused, which says what to type instead."""
    numbers = {str(one.id): one.id for one in locations}
    if location_id in numbers:
        return numbers[location_id]
    named = [one for one in locations if location_id.casefold() in {one.code.casefold(), one.name.casefold()}]
    if named:
        one = named[0]
        raise Refused(f"{location_id} is what Prokip shows for {one.name}; its number is {one.id}. Use {one.id}.")
    there_are = ", ".join(f"{one.id} ({one.name})" for one in locations) or "none"
    raise Refused(f"Prokip has no business location {location_id} that this login may use. There are: {there_are}.")


def choose_contact(contacts: Sequence[Contact], contact_id: int | None) -> int:
    """Raises Refused."""
    if contact_id is None:
        default = next((one.id for one in contacts if one.is_default), None)
        if default is None:
            raise Refused(
                "Prokip has no default (walk-in) customer; name the customer that online sales are written to."
            )
        return default
    if all(one.id != contact_id for one in contacts):
        raise Refused(f"Prokip has no customer {contact_id} that this login may see.")
    return contact_id


def choose_timezone(details: Details, timezone: str | None) -> str:
    """Raises Refused."""
    if timezone is not None and not wire.is_timezone(timezone):
        raise Refused(f"{timezone} is no time zone; give one such as Africa/Lagos.")
    if timezone is None and details.timezone is None:
        raise Refused("Prokip does not tell the business's time zone; give one such as Africa/Lagos.")
    return timezone or details.timezone or ""
