"""What the outbox sends at a time."""

from collections import deque
from uuid import uuid4

import pytest

from prokip_shared.bus.outbox import SEND_BUNDLES_MAX, SEND_BYTES_MAX, next_lot
from prokip_shared.bus.port import Bundle


def lots(sizes: list[int]) -> list[list[int]]:
    waiting = deque(Bundle(uuid4(), "t.v1", b"x" * size, 1) for size in sizes)
    found = []
    while waiting:
        found.append([len(bundle.body) for bundle in next_lot(waiting)])
    return found


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1, 2, 3], [[1, 2, 3]]),
        ([SEND_BYTES_MAX - 1, 1, 1], [[SEND_BYTES_MAX - 1, 1], [1]]),
        ([SEND_BYTES_MAX + 1, SEND_BYTES_MAX + 1], [[SEND_BYTES_MAX + 1], [SEND_BYTES_MAX + 1]]),
        ([1] * (SEND_BUNDLES_MAX + 1), [[1] * SEND_BUNDLES_MAX, [1]]),
    ],
)
def test_a_lot_is_bounded_and_never_empty(sizes: list[int], expected: list[list[int]]) -> None:
    assert lots(sizes) == expected
