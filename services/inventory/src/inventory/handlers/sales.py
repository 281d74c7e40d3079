"""sale.recorded: what became of telling Prokip about an order, kept in the sales log."""

from collections.abc import Sequence

from inventory import storage
from inventory.domain.sales import UnknownOrder, answer_key, apply_answers
from prokip_shared.bus.port import PermanentFailure
from prokip_shared.database import Connection
from prokip_shared.messages import Message, SaleRecordedV1


async def apply_answer_batch(connection: Connection, messages: Sequence[SaleRecordedV1]) -> Sequence[Message]:
    held = await storage.lock_sale_logs(connection, {answer_key(message) for message in messages})
    try:
        changed = apply_answers(held, messages)
    except UnknownOrder as error:
        raise PermanentFailure(str(error)) from error
    if changed:
        await storage.write_sale_logs(connection, changed)
    return ()
