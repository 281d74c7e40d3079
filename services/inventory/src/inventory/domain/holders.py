"""Which SKUs of a store take their stock from another one (variations that share their parent's stock)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from prokip_shared.messages import StockHoldersObservedV1


class HolderKey(NamedTuple):
    business_id: int
    connection_id: int
    sku: str


def changed_holders(
    known: Mapping[HolderKey, str], messages: Iterable[StockHoldersObservedV1]
) -> dict[HolderKey, str]:
    """The pairs that are new or differ from what is known; a SKU that holds its own stock is written as itself."""
    told = {
        HolderKey(message.business_id, message.connection_id, holder.sku): holder.held_by
        for message in messages
        for holder in message.holders
    }
    return {
        key: held_by
        for key, held_by in told.items()
        if known.get(key) != held_by and not (held_by == key.sku and key not in known)
    }


def named_connections(messages: Sequence[StockHoldersObservedV1]) -> list[int]:
    """Connection ids in the order in which they are locked."""
    return sorted({message.connection_id for message in messages})
