"""Small decisions of the operators' calls."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from gateway.domain.numbers import plain_number

SETTLED_STATES: Final = frozenset({"none", "recorded"})
"""Of a sale: Prokip knows the order's newest state, or need not."""
SUMMARY_FIELDS: Final = (("order_ref", "order"), ("sku", "SKU"), ("connection_id", "store"), ("round_id", "round"))


@dataclass(frozen=True, slots=True)
class SaleKey:
    """A store order, as a sale record is named in the API: an order's own reference may hold any character."""

    connection_id: int
    order_ref: str

    def encode(self) -> str:
        return base64.urlsafe_b64encode(f"{self.connection_id}:{self.order_ref}".encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "SaleKey | None":
        try:
            named = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except (ValueError, binascii.Error):
            return None
        connection, _, order_ref = named.partition(":")
        return cls(int(connection), order_ref) if connection.isdecimal() and order_ref else None


def summarise_parked(message_type: str, body: str) -> str:
    """What a parked message is about, in a few words; its type alone where the body says nothing."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return message_type
    if isinstance(message, list) and len(message) == 1:
        message = message[0]
    if not isinstance(message, Mapping):
        return message_type
    fields = {**message, **(message["order"] if isinstance(message.get("order"), Mapping) else {})}
    named = [f"{word} {fields[name]}" for name, word in SUMMARY_FIELDS if fields.get(name) is not None]
    return f"{message_type}: {', '.join(named)}" if named else message_type


def listing_name(listing: Mapping[str, Any]) -> str:
    """What the store calls it; its own numbers where it has no name, or its catalogue was not read yet."""
    if listing.get("name"):
        return str(listing["name"])
    if listing.get("parent_ref") is not None:
        return f"variation {listing['item_ref']} of product {listing['parent_ref']}"
    return f"item {listing['item_ref']}"


def listing_status(listing: Mapping[str, Any]) -> str:
    """The earlier system's match status."""
    if listing["state"] != "matched":
        return str(listing["state"])
    return "not_in_prokip" if listing["target"] is None else "matched"


def explain_in_words(told: Mapping[str, Any]) -> str:
    """One sentence for what inventory's explanation says in numbers."""
    if told["made_of"]:
        return _explain_bundle(told)
    if told["quantity"] is None:
        return (
            f"Prokip has not told a quantity of {told['sku']}; {told['taken']} sold in the stores, nothing is pushed."
        )
    bundled = f" As part of bundles: {told['bundle_units']} of them." if told["bundle_units"] != "0" else ""
    still_open = f" Not settled with Prokip yet: {told['open_units']} of them." if told["open_units"] != "0" else ""
    return (
        f"Prokip says {told['quantity']}, was told of {told['recorded']} sold by us, and the stores hold "
        f"{told['taken']} as sold: {told['quantity']} + {told['recorded']} - {told['taken']} = {told['balance']}."
        f"{bundled}{still_open}"
    )


def _explain_bundle(told: Mapping[str, Any]) -> str:
    """Part by part, and which of them decides."""
    least = next(part for part in told["made_of"] if part["least"])
    if least["available"] is None:
        return (
            f"{told['sku']} is a bundle, and Prokip has told no quantity of its part {least['sku']}: nothing is pushed."
        )
    makes = "; ".join(
        f"{part['available']} of {part['sku']} at {part['quantity']} each make {part['makes']}"
        for part in told["made_of"]
        if part["available"] is not None
    )
    return f"{told['sku']} is a bundle: {makes}. The least counts, which is {least['sku']}: {told['available']}."


PUSH_WORDS: Final = {"paused": "that it is paused", "never": "that it is never written"}


def explain_listing(listing: Mapping[str, Any]) -> str:
    """Why a store should show what it should, and whether it does."""
    left_alone = _why_left_alone(listing)
    if left_alone is not None:
        return left_alone
    target = Decimal(listing["target"])
    should = f"It should show {plain_number(target)}{_from_available(listing, target)}"
    if listing["held_since"] is not None:
        return f"{should}; it is not written until somebody decides about its difference."
    if listing["believed"] is None:
        return f"{should}; what it shows is not known yet."
    believed, gap = Decimal(listing["believed"]), listing["gap"]
    if gap is not None and not Decimal(gap):
        return f"{should}; what it showed is not told by any order yet, so it is looked at until the store's orders are read."
    if gap is not None:
        beyond = f"{plain_number(abs(Decimal(gap)))} {'more' if Decimal(gap) > 0 else 'less'}"
        return f"{should}; it showed {beyond} than is explained, and is looked at again."
    return f"{should}, and does." if believed == target else f"{should} and shows {plain_number(believed)}."


def _why_left_alone(listing: Mapping[str, Any]) -> str | None:
    if listing["state"] != "matched":
        return f"Nothing is written to it: {listing['reason'] or listing['state']}."
    if listing["push"] != "on":
        return f"Nothing is written to it: a rule says {PUSH_WORDS[listing['push']]}."
    if listing["target"] is None:
        of = " of each of its parts" if listing["bundle"] else ""
        return f"Nothing is written to it until Prokip tells a quantity{of}."
    return None


def _from_available(listing: Mapping[str, Any], target: Decimal) -> str:
    """How the target comes from what is available, step by step; nothing where they are the same."""
    available, buffer, shown_max = Decimal(listing["available"]), Decimal(listing["buffer"]), listing["shown_max"]
    places = listing["places"] or {}
    told = [
        f"{plain_number(Decimal(units))} at {place}" for place, units in sorted(places.items()) if units is not None
    ]
    steps = [f"{' + '.join(told)} = {plain_number(available)} at all locations"] if len(told) > 1 else []
    if buffer:
        steps.append(
            f"{plain_number(available)} less {plain_number(buffer)} kept back = {plain_number(available - buffer)}"
        )
    left = available - buffer
    if left < 0 or left != left.to_integral_value():
        steps.append("whole units, and none that are not there")
    if shown_max is not None and target == shown_max < left:
        steps.append(f"at most {shown_max}")
    if not steps:
        return ""
    if not buffer and not told:
        steps[0] = f"of {plain_number(available)} available: {steps[0]}"
    return f" ({'; '.join(steps)})"


def fits_search(search: str, texts: Sequence[str | None]) -> bool:
    wanted = search.strip().casefold()
    return not wanted or any(text is not None and wanted in text.casefold() for text in texts)
