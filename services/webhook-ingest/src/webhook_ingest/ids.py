"""Names for events: unique, not secret."""

import random
from uuid import UUID

UUID_BITS = 128


def make_message_id() -> UUID:
    """A version 4 UUID without the system call of `uuid4`, which costs as much as reading an order does."""
    return UUID(int=random.getrandbits(UUID_BITS), version=4)  # a name, no key
