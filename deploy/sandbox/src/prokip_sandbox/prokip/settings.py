"""What kind of ERP is simulated (as its sources tell), and what no source tells and so can be chosen."""

from dataclasses import dataclass
from typing import Literal, get_args

Generation = Literal["legacy", "modern"]


@dataclass
class Erp:
    """The installation and the business: all of it is found in real ones.

    `throttle_per_min` is that of the modern generation (0: none); the legacy one has no throttle.
    """

    generation: Generation = "legacy"
    allow_overselling: bool = True
    time_zone: str = "Africa/Lagos"
    throttle_per_min: int = 60
    wrap_success: bool = False  # lists as {success, message, data, meta, links}
    token_lifetime_s: int = 31_536_000
    may_view_sells: bool = True  # without it the user's GET /sell is 403; POST /sell asks for no permission
    may_view_contacts: bool = True

    def __post_init__(self) -> None:
        if self.generation not in get_args(Generation):
            raise ValueError(f"no generation {self.generation}")


@dataclass
class Policies:
    """What no source specifies, so it can be chosen: our assumption, not Prokip's word.

    The first four are of the simple dialects, `variation_order` is of the connector's unordered list.
    """

    duplicates: Literal["accept", "refuse"] = "accept"  # a sale whose `reference` is already there
    shortage: Literal["accept", "refuse"] = "accept"  # accept: stock goes negative
    serves_refunds: bool = True
    simple_dialect: Literal["b", "c"] = "b"  # c: under /connector/api, as an early mock of the earlier system had it
    variation_order: Literal["id", "shuffled"] = "id"
