"""What an authentic webhook can mean, and how its values are read; shared by the three platforms.

Everything here is pure. Readers raise UnusableWebhook and nothing else, whatever JSON they are given.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from prokip_shared.messages import OrderSnapshot
from prokip_shared.platforms.store import OrdersPage

UNITS_MAX: Final = 10**9
QUANTITY_MAX: Final = Decimal(UNITS_MAX)
"""Beyond any real stock (Shopify refuses more); a larger number is damage, not an order."""
QUANTITY_STEP: Final = Decimal("0.000001")
"""Finer digits are noise of a store that computes with floats."""
PRICE_MAX: Final = Decimal(10**12)
REFERENCE_CHARS_MAX: Final = 64
SKU_CHARS_MAX: Final = 255
LABEL_CHARS_MAX: Final = 100
LINES_MAX: Final = 2000


OrderFields: TypeAlias = dict[str, Any]
"""The JSON form of an OrderSnapshot, as its own encoder would write it.

At the stores' door orders are encoded and sent on; building validated objects on the way, only to encode them again,
would cost more than everything else that is done with them. Tests hold each form to the validated class.
"""


ProductFields: TypeAlias = dict[str, Any]
"""The JSON form of a ProductHint."""


class UnusableWebhook(Exception):
    """Signed by the store, but no order or level can be read from it; says why, without quoting personal data."""


@dataclass(frozen=True, slots=True)
class OrderSeen:
    fields: OrderFields

    @property
    def order(self) -> OrderSnapshot:
        return OrderSnapshot.model_validate(self.fields)


@dataclass(frozen=True, slots=True)
class LevelHint:
    """A store's quantity may have changed: worth a look."""

    item_ref: str
    place_ref: str | None
    quantity: Decimal | None
    product: ProductFields | None = None


@dataclass(frozen=True, slots=True)
class ProductSeen:
    """A store's product may be another than it was: worth a look."""

    fields: ProductFields


@dataclass(frozen=True, slots=True)
class Uninstalled:
    reason: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """Authentic, and of no consequence for stock."""

    why: str


Meaning: TypeAlias = OrderSeen | LevelHint | ProductSeen | Uninstalled | Nothing


def read_object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UnusableWebhook(f"{what} is no JSON object")
    return value


def read_list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise UnusableWebhook(f"{what} is no list")
    if len(value) > LINES_MAX:
        raise UnusableWebhook(f"{what} has more than {LINES_MAX} entries")
    return value


def read_reference(value: Any, what: str) -> str:
    """A store's id as text: ids exceed 2^53, and some stores send them as strings."""
    if type(value) is int and value > 0:  # bool is an int, too, and is no id
        text = str(value) if value < 10**REFERENCE_CHARS_MAX else ""
    elif isinstance(value, str):
        text = value.strip()
    else:
        raise UnusableWebhook(f"{what} is missing or no id")
    if not text or text == "0" or len(text) > REFERENCE_CHARS_MAX or "\0" in text:
        raise UnusableWebhook(f"{what} is missing or no id")
    return text


def read_quantity(value: Any, what: str) -> Decimal:
    """Integers, decimals and both as text; refuses what is no finite number of plausible size."""
    if type(value) is int and -UNITS_MAX <= value <= UNITS_MAX:  # nearly all are
        return Decimal(value)
    number = _number(value)
    if number is None or abs(number) > QUANTITY_MAX:
        raise UnusableWebhook(f"{what} is no plausible quantity")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:  # noqa: PLR2004  # the digits of QUANTITY_STEP
        return number.quantize(QUANTITY_STEP)
    return number


def read_price(value: Any) -> Decimal | None:
    """A price is told on, never reckoned with: one that cannot be read does not spoil the order."""
    number = _number(value)
    return None if number is None or abs(number) > PRICE_MAX else number


def _number(value: Any) -> Decimal | None:
    """None for what is no finite number."""
    if type(value) is int and abs(value) <= PRICE_MAX:
        return Decimal(value)
    if isinstance(value, float):
        value = repr(value)
    if not isinstance(value, str) or len(value) > REFERENCE_CHARS_MAX:
        return None
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() < -REFERENCE_CHARS_MAX:
        return None
    return number


def read_sku(value: Any, what: str) -> str | None:
    """None for a line without SKU; numbers count as text, because some shops number their goods."""
    if value is None:
        return None
    if type(value) is int:
        value = str(value) if abs(value) < 10**REFERENCE_CHARS_MAX else "\0"
    if not isinstance(value, str) or "\0" in value or len(value) > SKU_CHARS_MAX:
        raise UnusableWebhook(f"{what} is no SKU")
    return value if value.strip() else None


def read_word(value: Any, what: str) -> str | None:
    """A word that something is decided by; None where none is told. A list or object is none, and cannot be looked up."""
    if value is not None and not isinstance(value, str):
        raise UnusableWebhook(f"{what} is no word")
    return value


def read_label(value: Any, otherwise: str) -> str:
    """Text that is only shown (an order's number, a status), cut to a length that every table takes."""
    if type(value) is int and abs(value) < 10**REFERENCE_CHARS_MAX:
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        return otherwise
    return value.replace("\0", "").strip()[:LABEL_CHARS_MAX] or otherwise


def read_moment(value: Any, what: str) -> str | None:
    """An ISO 8601 time in UTC; without zone it is UTC already (WooCommerce's `_gmt` fields). None where none is told."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise UnusableWebhook(f"{what} is no time")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnusableWebhook(f"{what} is no time") from error
    return moment.isoformat().removesuffix("+00:00") + "Z"


def line_fields(
    *, line_ref: str, sku: str | None, ordered: Decimal, taken: Decimal, unit_price: Decimal | None = None
) -> OrderFields:
    """One line; decimals travel as text, so that no reader rounds them."""
    return {
        "line_ref": line_ref,
        "sku": sku,
        "ordered": str(ordered),
        "taken": str(taken),
        "unit_price": None if unit_price is None else str(unit_price),
    }


def product_fields(product_ref: str, items_count: int | None, items: Iterable[ProductFields] = ()) -> ProductFields:
    return {"product_ref": product_ref, "items_count": items_count, "items": list(items)}


def item_fields(item_ref: str, sku: Any, *, tracked: bool | None) -> ProductFields:
    """As the catalogue keeps a SKU: without the blanks around it."""
    text = read_sku(sku, "an item's sku")
    return {"item_ref": item_ref, "sku": None if text is None else text.strip(), "tracked": tracked}


def one_of_each(lines: list[OrderFields]) -> list[OrderFields]:
    """The lines, each id once: the ledger keeps one state per order line, so a repeated id would be a guess."""
    if len(lines) > 1 and len({line["line_ref"] for line in lines}) != len(lines):
        raise UnusableWebhook("a line id appears twice")
    return lines


def keep_scalars(source: Any, names: Iterable[str]) -> dict[str, Any]:
    """The named plain values of an object; what is nested or named otherwise stays behind."""
    if not isinstance(source, dict):
        return {}
    return {
        name: value[:SKU_CHARS_MAX] if isinstance(value, str) else value
        for name in names
        if name in source and not isinstance((value := source[name]), (dict, list))
    }


def keep_list(source: Any) -> list[Any]:
    """The list itself, cut to the length that is ever read; nothing where there is none."""
    return source[:LINES_MAX] if isinstance(source, list) else []


def orders_page(
    bodies: Iterable[Mapping[str, Any]],
    read: Callable[[Any], OrderSnapshot],
    *,
    next_cursor: str | None,
    store_clock: datetime | None,
) -> OrdersPage:
    """Bodies that a store's API listed, read by the rule for its webhooks; one that cannot be read spoils no other."""
    orders: list[OrderSnapshot] = []
    unreadable: list[str] = []
    for body in bodies:
        try:
            orders.append(read(body))
        except UnusableWebhook as error:
            unreadable.append(f"{read_label(body.get('id'), 'an order without id')}: {error}")
    return OrdersPage(tuple(orders), tuple(unreadable), next_cursor, store_clock)
