"""What became of telling Prokip about an order; the newest answer wins."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from inventory.domain.values import OrderKey, SaleStanding
from prokip_shared.messages import SaleRecordedV1


class SaleLog(Struct, frozen=True, gc=False):
    """The sale's share of an order row."""

    due_revision: int
    answered_revision: int
    """The `sale.due` revision of the newest answer; 0 before the first."""
    state: SaleStanding
    prokip_sell_id: str | None
    detail: str


class UnknownOrder(LookupError):
    """An answer about an order that the ledger never had: no redelivery can fix that."""


def apply_answers(held: Mapping[OrderKey, SaleLog], answers: Iterable[SaleRecordedV1]) -> dict[OrderKey, SaleLog]:
    """The sale logs that the answers change.

    An answer about an older state than the one that is due leaves the sale due when it was recorded, because more
    is to come; a doubt or a refusal shows at once, because an operator may have to act.
    """
    changed: dict[OrderKey, SaleLog] = {}
    for answer in answers:
        key = answer_key(answer)
        log = changed.get(key) or held.get(key)
        if log is None:
            raise UnknownOrder(f"connection {key.connection_id} has no order {key.order_ref}")
        if answer.revision < log.answered_revision or _is_overtaken(answer, log):
            continue
        behind = answer.state == "recorded" and answer.revision < log.due_revision
        newer = SaleLog(
            log.due_revision,
            answer.revision,
            "due" if behind else answer.state,
            answer.prokip_sell_id or log.prokip_sell_id,
            answer.detail,
        )
        if newer != log:
            changed[key] = newer
    return changed


def _is_overtaken(answer: SaleRecordedV1, log: SaleLog) -> bool:
    """A doubt or a refusal that arrives after its own end: the broker may deliver the two the other way round."""
    return answer.revision == log.answered_revision and log.state == "recorded" != answer.state


def answer_key(answer: SaleRecordedV1) -> OrderKey:
    return OrderKey(answer.business_id, answer.connection_id, answer.order_ref)
