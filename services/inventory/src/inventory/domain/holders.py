"""Which SKUs of a store take their stock from another one (variations that share their parent's stock)."""

from collections.abc import Iterable, Mapping

from inventory.domain.values import HolderKey
from prokip_shared.messages import StockHoldersObservedV1


def told_holders(messages: Iterable[StockHoldersObservedV1]) -> dict[HolderKey, str]:
    """What a batch says, the last word for each SKU."""
    return {
        HolderKey(message.business_id, message.connection_id, holder.sku): holder.held_by
        for message in messages
        for holder in message.holders
    }


def changed_holders(known: Mapping[HolderKey, str], told: Mapping[HolderKey, str]) -> dict[HolderKey, str]:
    """What is new in it. A SKU that holds its own stock is known without being told."""
    return {key: held_by for key, held_by in told.items() if known.get(key, key.sku) != held_by}
