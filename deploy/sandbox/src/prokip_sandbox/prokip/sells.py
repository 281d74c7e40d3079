"""The connector's sales and returns, with all that they accept, ignore and answer with HTTP 200."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from prokip_sandbox.faults import ACTIVE_FAULT
from prokip_sandbox.prokip.fixed import times, to_fixed
from prokip_sandbox.prokip.ledger import Ledger, NewLine, NewPayment, NewSale, Refusal, unknown
from prokip_sandbox.prokip.listing import answer_list
from prokip_sandbox.prokip.model import BUSINESS_ID, USER_ID, Line, State, Transaction, Variation
from prokip_sandbox.prokip.rows import Rows
from prokip_sandbox.values import ApiError, compact_json

NULL_VARIATION = {
    "legacy": "Trying to get property 'sell_price_inc_tax' of non-object",
    "modern": 'Attempt to read property "sell_price_inc_tax" on null',
}
KEPT_AS_GIVEN = (
    "sub_status",
    "is_quotation",
    "staff_note",
    "shipping_details",
    "shipping_address",
    "shipping_status",
    "delivered_to",
    *(f"service_custom_field_{n}" for n in range(1, 7)),
)
FILTERS: Mapping[str, Callable[[Transaction, str], bool]] = {
    "location_id": lambda sale, wanted: str(sale.location_id) == wanted,
    "contact_id": lambda sale, wanted: str(sale.contact_id) == wanted,
    "user_id": lambda _sale, wanted: wanted == str(USER_ID),
    "shipping_status": lambda sale, wanted: sale.more.get("shipping_status") == wanted,
    # One word stands for the ERP's own shop integration, which made none of the sales here.
    "source": lambda sale, wanted: wanted != "woocommerce" and sale.source == wanted,
    "payment_status": lambda sale, wanted: sale.payment_status in wanted.split(","),
    "start_date": lambda sale, wanted: sale.date[:10] >= wanted,
    "end_date": lambda sale, wanted: sale.date[:10] <= wanted,
}
MODERN_FILTERS: Mapping[str, Callable[[Transaction, str], bool]] = {
    "status": lambda sale, wanted: sale.status == wanted,
}
DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?)?")


class Sells:
    def __init__(self, state: State, ledger: Ledger, rows: Rows) -> None:
        self._state = state
        self._ledger = ledger
        self._rows = rows
        # Called between the reading and the writing of the stock that a return changes.
        self.between_read_and_write: Callable[[], object] | None = None

    async def index(self, request: web.Request) -> web.Response:
        """No filter by invoice number; the oldest first, unless sorted by date."""
        if not self._ledger.erp.may_view_sells:
            raise ApiError(403, {"message": "Unauthorized action."})
        query = request.query
        found = sorted(self._chosen(query), key=lambda one: one.id)
        if query.get("order_by_date"):
            found.sort(key=lambda one: one.date, reverse=query["order_by_date"] != "asc")
        contacts = {contact.id: contact for contact in self._state.contacts}

        def render(sale: Transaction) -> str:
            return compact_json({**self._rows.sell(sale), "contact": self._rows.contact(contacts[sale.contact_id])})

        return answer_list(request, self._ledger.erp, found, render)

    async def show(self, request: web.Request) -> web.Response:
        """By numbers alone: no filter, returns too, and nothing for a number that is not there."""
        numbers = {int(part) for part in request.match_info["ids"].split(",") if part.strip().isdecimal()}
        found = [self._rows.sell(one) for one in self._state.transactions.values() if one.id in numbers]
        return web.json_response({"data": found})

    async def store(self, request: web.Request) -> web.Response:
        """Always 200: an array with one element per sale, and a failure is an element like the others."""
        sells = (await _fields(request)).get("sells")
        if not sells or not isinstance(sells, list | dict):
            return web.json_response([_lost_answer(Refusal("Invalid form data"))])
        return web.json_response([self._store_one(one) for one in _each(sells)])

    async def update(self, request: web.Request) -> web.Response:
        number = request.match_info["ids"]
        sale = self._ledger.sale(int(number)) if number.isdecimal() else None
        if sale is None:
            raise unknown("Transaction", number)
        fields = await _fields(request)
        self._ledger.change(sale, self._parse(fields, sale))
        payments = [self._rows.payment(sale, payment) for payment in sale.payments]
        return web.json_response(
            {**self._rows.transaction(sale), "payment_lines": payments, **self._rows.invoice_links(sale)}
        )

    async def destroy(self, request: web.Request) -> web.Response:
        """Success also for a number that was never there."""
        number = request.match_info["ids"]
        sale = self._ledger.sale(int(number)) if number.isdecimal() else None
        try:
            if sale is not None:
                self._ledger.delete(sale)
        except Refusal as refusal:
            return web.json_response({"success": False, "msg": refusal.message})
        return web.json_response({"success": True, "msg": "Sale deleted successfully"})

    async def add_return(self, request: web.Request) -> web.Response:
        fields = await _fields(request)
        products = fields.get("products")
        if not products:
            raise ApiError(500, {"message": "Server Error"})  # the ERP's code answers with what it never set
        number = _id(self._needed(fields, "transaction_id"))
        sale = self._ledger.sale(number) if isinstance(number, int) else None
        if sale is None:
            raise unknown("Transaction", number)
        if fields.get("transaction_date"):
            raise Refusal("Unexpected data found.\nUnexpected data found.\nTrailing data")
        lines = [self._returned(one) for one in _each(products)]
        plan = self._ledger.plan_return(
            sale,
            {line_id: quantity for line_id, quantity, _ in lines},
            total_before_tax=sum(total for *_, total in lines),
            discount_type=str(fields.get("discount_type") or "fixed"),
            discount_amount=_amount(fields.get("discount_amount") or 0),
            invoice_no=fields.get("invoice_no"),
        )
        fault = request.get(ACTIVE_FAULT)
        if fault is not None and fault.kind == "race":
            await asyncio.sleep(fault.hold_s)
        if self.between_read_and_write is not None:
            self.between_read_and_write()
        made, is_new = self._ledger.carry_out(plan)
        return web.json_response(self._rows.fresh(made), status=201 if is_new else 200)

    async def list_returns(self, request: web.Request) -> web.Response:
        sell_id = request.query.get("sell_id")
        found = [
            one
            for one in self._state.transactions.values()
            if one.return_parent_id is not None and sell_id in {None, "", str(one.return_parent_id)}
        ]

        def render(one: Transaction) -> str:
            parent = self._state.transactions[one.return_parent_id or 0]
            lines = [self._rows.line(parent, line) for line in parent.lines]
            return compact_json(
                {
                    **self._rows.transaction(one),
                    "payment_lines": [],
                    "return_parent_sell": {**self._rows.transaction(parent), "sell_lines": lines},
                }
            )

        return answer_list(request, self._ledger.erp, found, render)

    def _chosen(self, query: Mapping[str, str]) -> list[Transaction]:
        """The sales that pass every filter that was given; the old generation does not know `status`."""
        known = {**FILTERS, **(MODERN_FILTERS if self._ledger.erp.generation == "modern" else {})}
        asked = [(passes, query[name]) for name, passes in known.items() if query.get(name)]
        sales = (one for one in self._state.transactions.values() if one.type == "sell")
        return [one for one in sales if all(passes(one, wanted) for passes, wanted in asked)]

    def _store_one(self, fields: Any) -> dict[str, Any]:
        try:
            sale = self._ledger.record(self._parse_new(fields))
        except Refusal as refusal:
            return _lost_answer(refusal)
        # What a sale's stock was taken from is looked up through its lines, and only then are they in the answer.
        lines = {"sell_lines": [self._rows.line(sale, line) for line in sale.lines]} if sale.status == "final" else {}
        return {**self._rows.fresh(sale), **self._rows.invoice_links(sale), **lines}

    def _parse_new(self, fields: Any) -> NewSale:
        if not isinstance(fields, dict):
            raise Refusal("Cannot use a scalar value as an array")
        new = self._parse(fields)
        if not new.lines:
            raise Refusal("No products added")
        return new

    def _parse(self, fields: Mapping[str, Any], known: Transaction | None = None) -> NewSale:
        """Fields that are null or not there keep what they were. What the ERP does not know is not looked at."""
        location_id = known.location_id if known else _id(self._needed(fields, "location_id"))
        if not isinstance(location_id, int) or location_id not in self._state.stock:
            raise unknown("BusinessLocation", location_id)
        contact_id = _or(_id(fields.get("contact_id")), known and known.contact_id)
        if not isinstance(contact_id, int) or contact_id not in self._customers():
            raise unknown("Contact", contact_id)
        lines = [self._parse_line(one, known) for one in _each(fields.get("products"))]
        if known is not None and not lines:
            raise Refusal("Trying to access array offset on value of type bool")
        date = fields.get("transaction_date")
        return NewSale(
            location_id,
            contact_id,
            lines,
            "connector",
            status=str(_or(fields.get("status"), known.status if known else "final")),
            invoice_no=_text(_or(fields.get("invoice_no"), known and known.invoice_no)),
            date=(known.date if known else None) if date is None else _database_date(str(date)),
            source=_text(_or(fields.get("source"), known and known.source)),
            reference=_text(_or(fields.get("invoice_no"), known and known.reference)),
            discount_type=str(_or(fields.get("discount_type"), known.discount_type if known else "fixed")),
            discount_amount=_amount_or(fields.get("discount_amount"), known.discount_amount if known else 0),
            shipping_charges=_amount_or(fields.get("shipping_charges"), known.shipping_charges if known else 0),
            payments=_payments(fields),
            more=self._parse_more(fields, known),
        )

    def _parse_line(self, fields: Any, known: Transaction | None) -> NewLine:
        if not isinstance(fields, dict):
            raise Refusal("Cannot use a scalar value as an array")
        line = self._known_line(fields, known)
        variation = self._variation(fields, line)
        if fields.get("tax_rate_id"):
            raise unknown("TaxRate", fields["tax_rate_id"])
        return NewLine(
            variation,
            _amount_or(fields.get("quantity"), line.quantity if line else 0),
            _amount_or(fields.get("unit_price"), line.unit_price if line else variation.price),
            str(_or(fields.get("discount_type"), line.discount_type if line else "fixed")),
            _amount_or(fields.get("discount_amount"), line.discount_amount if line else 0),
            _text(_or(fields.get("note"), line and line.note)),
            line.id if line else None,
        )

    def _known_line(self, fields: Mapping[str, Any], known: Transaction | None) -> Line | None:
        number = _id(fields.get("sell_line_id"))
        if not number:
            return None
        line = next((one for one in (known.lines if known else ()) if one.id == number), None)
        if line is None:
            raise unknown("TransactionSellLine", number)
        return line

    def _variation(self, fields: Mapping[str, Any], line: Line | None) -> Variation:
        product_id = _or(_id(fields.get("product_id")), line and line.product_id)
        if not isinstance(product_id, int) or product_id not in self._state.products:
            raise unknown("Product", product_id)
        variation_id = _or(_id(fields.get("variation_id")), line and line.variation_id)
        variation = self._state.variations.get(variation_id) if isinstance(variation_id, int) else None
        if variation is None or variation.product_id != product_id or variation.is_deleted:
            raise Refusal(NULL_VARIATION[self._ledger.erp.generation])
        return variation

    def _parse_more(self, fields: Mapping[str, Any], known: Transaction | None) -> dict[str, Any]:
        before: Mapping[str, Any] = known.more if known else {}
        more = {name: _or(fields.get(name), before.get(name)) for name in KEPT_AS_GIVEN}
        return {**more, "additional_notes": _or(fields.get("sale_note"), before.get("additional_notes"))}

    def _returned(self, fields: Any) -> tuple[int, int, int]:
        """Line number, cumulative quantity, and what the line is worth."""
        if not isinstance(fields, dict):
            raise Refusal("Cannot use a scalar value as an array")
        quantity = _amount(self._needed(fields, "quantity"))
        price = _amount(self._needed(fields, "unit_price_inc_tax"))
        line_id = _id(self._needed(fields, "sell_line_id"))
        return (line_id if isinstance(line_id, int) else 0), quantity, times(price, quantity)

    def _needed(self, fields: Mapping[str, Any], name: str) -> Any:
        if name not in fields:
            legacy = self._ledger.erp.generation == "legacy"
            raise Refusal(f"Undefined index: {name}" if legacy else f'Undefined array key "{name}"')
        return fields[name]

    def _customers(self) -> set[int]:
        own = (contact for contact in self._state.contacts if contact.business_id == BUSINESS_ID)
        return {contact.id for contact in own if contact.type in {"customer", "both"}}


def _lost_answer(refusal: Refusal) -> dict[str, Any]:
    """An answer object that the ERP puts into its array as if it were data; its status is lost."""
    return {"headers": {}, "original": {"error": {"message": refusal.message}}, "exception": None}


async def _fields(request: web.Request) -> dict[str, Any]:
    """Anything but an object counts as an empty one."""
    try:
        fields = json.loads(await request.read())
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _payments(fields: Mapping[str, Any]) -> Sequence[NewPayment]:
    payments = [
        NewPayment(_amount(one.get("amount") or 0), _text(one.get("method")), payment_id=one.get("payment_id"))
        for one in _each(fields.get("payments"))
        if isinstance(one, dict)
    ]
    change = _amount(fields.get("change_return") or 0)
    return [*payments, NewPayment(change, "cash", is_return=True)] if payments and change else payments


def _amount_or(value: Any, otherwise: int) -> int:
    return otherwise if value is None else _amount(value)


def _amount(value: Any) -> int:
    try:
        return to_fixed(value)
    except ValueError as error:
        raise Refusal("A non-numeric value encountered") from error


def _database_date(text: str) -> str:
    """What a database that is not strict keeps of a date: a zone is dropped without a word, nonsense becomes zeros."""
    found = DATE.match(text)
    return f"{found[1]} {found[2] or '00:00'}{found[3] or ':00'}" if found else "0000-00-00 00:00:00"


def _id(value: Any) -> int | str | None:
    """Numbers that came as text are numbers to the database; what is no number is found nowhere."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    text = str(value)
    return int(text) if text.isdecimal() else text


def _each(value: Any) -> list[Any]:
    """What a loop over it meets; a JSON object is a list with names there."""
    if not value:
        return []
    if not isinstance(value, list | dict):
        raise Refusal("Invalid argument supplied for foreach()")
    return value if isinstance(value, list) else [*value.values()]


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
