"""Messages to bundles and back: pure, and forgiving on the way in.

One element that cannot be read never costs its neighbours: they are messages, it is a *reject* with its text.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Generic
from uuid import UUID, uuid4, uuid5

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from prokip_shared.bus.port import Bundle, R, Reader
from prokip_shared.messages import Encoded, Message

BUSINESS_UNKNOWN: Final = 0
REASON_CHARS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Reject:
    """An element of a bundle that is no message of the type."""

    index: int
    text: str
    reason: str
    business_id: int
    """BUSINESS_UNKNOWN where the element does not say it readably."""


@dataclass(frozen=True, slots=True)
class Element(Generic[R]):
    """A message and its place in its bundle."""

    index: int
    message: R


@dataclass(frozen=True, slots=True)
class Unpacked(Generic[R]):
    bundle: Bundle
    elements: tuple[Element[R], ...]
    rejects: tuple[Reject, ...] = ()

    def texts(self) -> list[str]:
        """All elements of the bundle, by index, as they were written; for a bundle that could be unpacked."""
        return element_texts(self.bundle.body.decode())


def encode(message: Message) -> bytes:
    """One message as JSON; decimals become strings."""
    return to_json(message)


def bundle_of(message_type: str, encoded: Sequence[bytes], *, queue: str | None = None, attempts: int = 0) -> Bundle:
    """One bundle of messages that are encoded already."""
    return Bundle(uuid4(), message_type, b"[" + b",".join(encoded) + b"]", len(encoded), attempts, queue)


def bundles_of(messages: Iterable[Message | Encoded], *, messages_max: int, bytes_max: int) -> list[Bundle]:
    """As few bundles as the limits allow, one type each; messages of a type keep their order.

    A single message above `bytes_max` travels alone.
    """
    by_type: dict[str, list[bytes]] = {}
    for message in messages:
        encoded = message.messages if isinstance(message, Encoded) else (encode(message),)
        by_type.setdefault(message.type, []).extend(encoded)
    return [
        bundle_of(message_type, part)
        for message_type, parts in by_type.items()
        for part in _split(parts, messages_max, bytes_max)
    ]


def _split(encoded: list[bytes], messages_max: int, bytes_max: int) -> Iterable[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for item in encoded:
        if part and (len(part) >= messages_max or size + len(item) > bytes_max):
            yield part
            part, size = [], 0
        part.append(item)
        size += len(item)
    yield part


@cache
def _list_adapter(message_class: type[Message]) -> TypeAdapter[list[Any]]:
    return TypeAdapter(list[message_class])  # type: ignore[valid-type]  # built at run time, one per class


def unpack(bundle: Bundle, message_class: type[Message], read: Reader[Any] | None = None) -> Unpacked[Any]:
    """The messages of a bundle, or what `read` makes of them, and the elements that are none."""
    expected = message_class.model_fields["type"].default
    if bundle.type != expected:
        return _reject_all(bundle, f"unknown type {bundle.type!r}; this queue takes {expected}")
    try:
        messages = (read or _list_adapter(message_class).validate_json)(bundle.body)
    except ValueError:
        return _unpack_one_by_one(bundle, message_class, read)
    return Unpacked(bundle, tuple([Element(index, message) for index, message in enumerate(messages)]))


def _unpack_one_by_one(bundle: Bundle, message_class: type[Message], read: Reader[Any] | None) -> Unpacked[Any]:
    try:
        texts = element_texts(bundle.body.decode())
    except (ValueError, RecursionError) as error:
        return _reject_all(bundle, f"not a JSON array: {error}")
    elements, rejects = [], []
    for index, text in enumerate(texts):
        try:
            message = message_class.model_validate_json(text)
        except ValidationError as error:
            rejects.append(Reject(index, storable(text), reason_of(error), business_of(text)))
        else:
            elements.append(Element(index, message if read is None else read(b"[" + encode(message) + b"]")[0]))
    return Unpacked(bundle, tuple(elements), tuple(rejects))


def _reject_all(bundle: Bundle, reason: str) -> Unpacked[Any]:
    """Element by element where the body is an array, so that each keeps its business; else as one."""
    body = bundle.body.decode(errors="backslashreplace")
    try:
        texts = element_texts(body)
    except (ValueError, RecursionError):
        texts = [body]
    reason = reason[:REASON_CHARS_MAX]
    rejects = (Reject(index, storable(text), reason, business_of(text)) for index, text in enumerate(texts))
    return Unpacked(bundle, (), tuple(rejects))


def element_texts(body: str) -> list[str]:
    """The elements of a JSON array, each exactly as it was written. Raises ValueError for anything else."""
    scan = json.JSONDecoder().raw_decode
    texts: list[str] = []
    position = _skip_space(body, 0)
    if body[position : position + 1] != "[":
        raise ValueError("it does not start with [")
    position = _skip_space(body, position + 1)
    closed = body[position : position + 1] == "]"
    if closed:
        position = _skip_space(body, position + 1)
    while not closed:
        _, end = scan(body, position)
        texts.append(body[position:end])
        position = _skip_space(body, end)
        separator = body[position : position + 1]
        if separator not in {",", "]"}:
            raise ValueError(f"no comma or ] after element {len(texts) - 1}")
        closed = separator == "]"
        position = _skip_space(body, position + 1)
    if position != len(body):
        raise ValueError("something follows the array")
    return texts


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def business_of(text: str) -> int:
    """The business that an element names, if it does so readably."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return BUSINESS_UNKNOWN
    business_id = value.get("business_id") if isinstance(value, dict) else None
    return business_id if isinstance(business_id, int) and 0 < business_id < 2**63 else BUSINESS_UNKNOWN


def reason_of(error: ValidationError) -> str:
    """Which fields are wrong and how, without their values."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    told = "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'message'}: {problem['msg']}" for problem in problems)
    return f"undecodable: {told}"[:REASON_CHARS_MAX]


def storable(text: str) -> str:
    """Postgres text holds every character but NUL, and no lone surrogate."""
    return text.replace("\x00", "\\x00").encode(errors="backslashreplace").decode()


def parked_id(bundle: Bundle, index: int) -> UUID:
    """The same for the same element, so that parking twice is parking once."""
    return uuid5(bundle.bundle_id, str(index))
