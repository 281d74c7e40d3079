"""Sales and returns on one stock, whoever makes them: both dialects and the shop's counter."""

import copy
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from prokip_sandbox.prokip.catalogue import Catalogue
from prokip_sandbox.prokip.fixed import as_text, times
from prokip_sandbox.prokip.model import Line, Payment, Product, State, StockRow, Transaction, Variation
from prokip_sandbox.prokip.settings import Erp, Policies
from prokip_sandbox.values import Clock


class Refusal(Exception):
    """The ERP says no. `message` is its own text; `status` is what it means to answer, often lost on the way."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Mismatch(Refusal):
    """Purchases do not cover a sale and overselling is off."""


def unknown(model: str, number: Any = None) -> Refusal:
    return Refusal(f"No query results for model [App\\{model}]" + ("." if number is None else f" {number}"), 404)


@dataclass
class NewLine:
    """A line of a sale; with `line_id` it changes an existing one."""

    variation: Variation
    quantity: int
    unit_price: int
    discount_type: str = "fixed"
    discount_amount: int = 0
    note: str | None = None
    line_id: int | None = None

    @property
    def price_inc_tax(self) -> int:
        return self.unit_price - _discount(self.unit_price, self.discount_type, self.discount_amount)


@dataclass
class NewPayment:
    amount: int
    method: str | None
    is_return: bool = False
    payment_id: int | None = None


@dataclass
class NewSale:
    """What is told of a sale. `date` None: now."""

    location_id: int
    contact_id: int
    lines: Sequence[NewLine]
    origin: Literal["simple", "connector", "counter"]
    status: str = "final"
    invoice_no: str | None = None
    date: str | None = None
    source: str | None = None
    reference: str | None = None
    discount_type: str = "fixed"
    discount_amount: int = 0
    shipping_charges: int = 0
    payments: Sequence[NewPayment] = ()
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class PlannedReturn:
    """A return whose stock was read and is not yet written: what happens in between is lost, as in the ERP."""

    sale: Transaction
    quantities: dict[int, int]  # cumulative, by line number
    read: dict[int, int]  # stock, by variation number
    total_before_tax: int
    discount_type: str
    discount_amount: int
    invoice_no: str | None


class Ledger:
    def __init__(self, state: State, catalogue: Catalogue, clock: Clock, erp: Erp, policies: Policies) -> None:
        self._state = state
        self._catalogue = catalogue
        self._clock = clock
        self.erp = erp
        self.policies = policies

    def local_time(self, at_s: float | None = None) -> str:
        """Of the business, without a zone: `2026-11-25 14:03:05`."""
        return _local_second(self.erp.time_zone, int(self._clock() if at_s is None else at_s))

    def sale(self, transaction_id: int) -> Transaction | None:
        found = self._state.transactions.get(transaction_id)
        return found if found is not None and found.type == "sell" else None

    def return_of(self, sale: Transaction) -> Transaction | None:
        made = self._state.transactions.values()
        return next((one for one in made if one.return_parent_id == sale.id), None)

    def record(self, new: NewSale, *, oversell: bool | None = None) -> Transaction:
        """The whole sale or nothing of it. `oversell` None: as the business is set. Mismatch when it is refused."""
        now_s = self._clock()
        number = self._take("next_transaction_id")
        sale = Transaction(
            number,
            "sell",
            new.status,
            new.location_id,
            new.contact_id,
            new.invoice_no or f"AS{number:05d}",
            new.date or self.local_time(now_s),
            now_s,
            now_s,
            new.origin,
        )
        _take_header(sale, new)
        sale.lines = [self._line(line) for line in new.lines]
        _total(sale)
        if sale.status == "final":
            with_oversell = self.erp.allow_overselling if oversell is None else oversell
            touched = {line.variation_id for line in sale.lines}
            self._all_or_nothing(sale.location_id, touched, lambda: self._deduct(sale, oversell=with_oversell))
            sale.payments = [self._payment(payment, sale) for payment in new.payments]
        self._state.transactions[number] = sale
        return sale

    def change(self, sale: Transaction, new: NewSale) -> None:
        """The sale as told anew: lines and payments that are not named are gone, stock follows."""
        before = copy.deepcopy(sale)

        def carry_out() -> None:
            if before.status == "final":
                self._give_back(sale)
            known = {line.id: line for line in sale.lines}
            sale.lines = [self._line(line, known.get(line.line_id or 0)) for line in new.lines]
            _take_header(sale, new)
            sale.status, sale.contact_id = new.status, new.contact_id
            sale.invoice_no, sale.date = new.invoice_no or sale.invoice_no, new.date or sale.date
            sale.updated_s = self._clock()
            _total(sale)
            if sale.status == "final":
                self._deduct(sale, oversell=self.erp.allow_overselling)
            if new.payments:
                sale.payments = [self._payment(payment, sale) for payment in new.payments]

        touched = {line.variation_id for line in sale.lines} | {line.variation.id for line in new.lines}
        try:
            self._all_or_nothing(sale.location_id, touched, carry_out)
        except Refusal:
            self._state.transactions[sale.id] = before
            raise

    def delete(self, sale: Transaction) -> None:
        """Stock comes back. Refusal when the sale has a return."""
        if self.return_of(sale) is not None:
            raise Refusal("Return exist for the Transaction, edit the return instead.")
        if sale.status == "final":
            self._give_back(sale)
        del self._state.transactions[sale.id]

    def plan_return(
        self,
        sale: Transaction,
        quantities: Mapping[int, int],
        *,
        total_before_tax: int,
        discount_type: str = "fixed",
        discount_amount: int = 0,
        invoice_no: str | None = None,
    ) -> PlannedReturn:
        """Quantities are cumulative by line number; lines that the sale has not are passed over without a word."""
        rows = self._state.stock[sale.location_id]
        read = {
            line.variation_id: rows[line.variation_id].quantity
            for line in sale.lines
            if line.id in quantities and line.variation_id in rows
        }
        own = {line.id: quantities[line.id] for line in sale.lines if line.id in quantities}
        return PlannedReturn(sale, own, read, total_before_tax, discount_type, discount_amount, invoice_no)

    def carry_out(self, plan: PlannedReturn) -> tuple[Transaction, bool]:
        """The return, and whether it is new: a sale has one at most, which later calls change."""
        for line in plan.sale.lines:
            if line.id not in plan.quantities:
                continue
            back = plan.quantities[line.id] - line.returned
            line.returned = plan.quantities[line.id]
            if back and self._product(line).enable_stock:
                row = self._catalogue.row(plan.sale.location_id, line.variation_id)
                row.quantity = plan.read[line.variation_id] = plan.read.get(line.variation_id, 0) + back
                row.updated_s = self._clock()
                _release(row, line, back)
        made = self.return_of(plan.sale)
        is_new = made is None
        if made is None:
            made = self._new_return(plan)
        made.total_before_tax = plan.total_before_tax
        made.discount_type, made.discount_amount = plan.discount_type, plan.discount_amount
        made.final_total = made.total_before_tax - _discount(
            made.total_before_tax, made.discount_type, made.discount_amount
        )
        made.invoice_no = plan.invoice_no or made.invoice_no
        made.updated_s = self._clock()
        return made, is_new

    def _new_return(self, plan: PlannedReturn) -> Transaction:
        now_s = self._clock()
        self._state.returns_made += 1
        today = self.local_time(now_s)
        made = Transaction(
            self._take("next_transaction_id"),
            "sell_return",
            "final",
            plan.sale.location_id,
            plan.sale.contact_id,
            f"CN{today[:4]}/{self._state.returns_made:04d}",
            today,
            now_s,
            now_s,
            plan.sale.origin,
            return_parent_id=plan.sale.id,
        )
        self._state.transactions[made.id] = made
        return made

    def _all_or_nothing(self, location_id: int, variation_ids: Iterable[int], carry_out: Callable[[], None]) -> None:
        rows = self._state.stock[location_id]
        before = {one: copy.copy(rows[one]) if one in rows else None for one in variation_ids}
        try:
            carry_out()
        except Refusal:
            for variation_id, row in before.items():
                if row is not None:
                    rows[variation_id] = row
                elif variation_id in rows:
                    self._catalogue.remove_row(location_id, variation_id)
            raise

    def _deduct(self, sale: Transaction, *, oversell: bool) -> None:
        """First all quantities, then what purchases cover: a refusal comes from the second step only."""
        tracked = [line for line in sale.lines if self._product(line).enable_stock]
        for line in tracked:
            row = self._catalogue.row(sale.location_id, line.variation_id)
            row.quantity -= line.quantity - line.returned
            row.updated_s = self._clock()
        for line in tracked:
            missing = _allocate(self._catalogue.row(sale.location_id, line.variation_id), line)
            if missing and not oversell:
                product, variation = self._product(line), self._state.variations[line.variation_id]
                raise Mismatch(
                    "ERROR: NOT ALLOWED: Mismatch between sold and purchase quantity."
                    f" Product: {product.name} SKU: {variation.sku} Quantity: {as_text(missing)}"
                )

    def _give_back(self, sale: Transaction) -> None:
        for line in sale.lines:
            if self._product(line).enable_stock:
                row = self._catalogue.row(sale.location_id, line.variation_id)
                row.quantity += line.quantity - line.returned
                row.updated_s = self._clock()
                _release(row, line, line.allocated)

    def _line(self, new: NewLine, known: Line | None = None) -> Line:
        return Line(
            known.id if known else self._take("next_line_id"),
            new.variation.product_id,
            new.variation.id,
            new.quantity,
            new.unit_price,
            new.price_inc_tax,
            new.discount_type,
            new.discount_amount,
            new.note,
            returned=known.returned if known else 0,
        )

    def _payment(self, new: NewPayment, sale: Transaction) -> Payment:
        known = {payment.id for payment in sale.payments}
        number = new.payment_id if new.payment_id in known else None
        return Payment(
            number or self._take("next_payment_id"), new.amount, new.method, self.local_time(), is_return=new.is_return
        )

    def _product(self, line: Line) -> Product:
        return self._state.products[line.product_id]

    def _take(self, sequence: Literal["next_transaction_id", "next_line_id", "next_payment_id"]) -> int:
        """The next number; one that a refused sale took is not used again, as in the database."""
        number: int = getattr(self._state, sequence)
        setattr(self._state, sequence, number + 1)
        return number


@functools.lru_cache(maxsize=1024)  # the rows of a list often share their second
def _local_second(time_zone: str, at_s: int) -> str:
    return datetime.fromtimestamp(at_s, ZoneInfo(time_zone)).strftime("%Y-%m-%d %H:%M:%S")


def _take_header(sale: Transaction, new: NewSale) -> None:
    sale.source, sale.reference = new.source, new.reference
    sale.discount_type, sale.discount_amount = new.discount_type, new.discount_amount
    sale.shipping_charges, sale.more = new.shipping_charges, new.more


def _total(sale: Transaction) -> None:
    """Recomputed from the lines, whatever the caller believes the total to be."""
    sale.total_before_tax = sum(times(line.price_inc_tax, line.quantity) for line in sale.lines)
    discount = _discount(sale.total_before_tax, sale.discount_type, sale.discount_amount)
    sale.final_total = sale.total_before_tax - discount + sale.shipping_charges


def _discount(of: int, kind: str, amount: int) -> int:
    return times(of, amount) // 100 if kind == "percentage" else amount


def _allocate(row: StockRow, line: Line) -> int:
    """Cover the line from purchases; what is not covered."""
    wanted = line.quantity - line.returned
    line.allocated = min(wanted, row.layers) if row.layers > 0 else 0
    row.layers -= line.allocated
    return wanted - line.allocated


def _release(row: StockRow, line: Line, back: int) -> None:
    """Give purchases back what a line took of them; a negative amount takes again."""
    moved = min(back, line.allocated) if back >= 0 else -min(-back, row.layers)
    line.allocated -= moved
    row.layers += moved
