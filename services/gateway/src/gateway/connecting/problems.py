"""What can go wrong while connecting, in words for the person who connects."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final

from typing_extensions import override

from gateway.domain.addresses import AddressProblem
from gateway.storage.connections import StoreBusy, StoreTaken
from prokip_shared.platforms.errors import NeedsReauthorisation, Refused, StoreError, Throttled
from prokip_shared.web.problems import Problem

STORE_PROBLEMS: Final = (
    (StoreTaken, 409, "Store taken", "store_taken", "This store is connected to another business already."),
    (
        StoreBusy,
        409,
        "Store busy",
        "store_busy",
        "This store is being connected or disconnected; try again in a moment.",
    ),
    (NeedsReauthorisation, 422, "Keys refused", "store_refused", "The store does not accept the keys: {error}"),
    (Refused, 422, "Store refused", "store_refused", "The store refuses: {error}"),
    (Throttled, 502, "Store busy", "store_throttled", "The store asks us to slow down; try again in a minute."),
    (StoreError, 502, "Store unreachable", "store_unreachable", "The store {error}."),
)


class StoreProblems(AbstractContextManager[None]):
    """Turns a store's failures inside the block into answers."""

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        problem = _problem_of(error)
        if problem is not None:
            raise problem from error


def _problem_of(error: BaseException | None) -> Problem | None:
    """The first kind that fits; StoreError is the base of those before it."""
    for kind, status, title, code, sentence in STORE_PROBLEMS:
        if isinstance(error, kind):
            return Problem(status, title, code=code, detail=sentence.format(error=error))
    return None


def invalid(detail: str) -> Problem:
    return Problem(422, "Invalid input", code="invalid_input", detail=detail)


def missing(fields: Sequence[str]) -> Problem:
    """Secrets are stored for one address and one login; for another they are given anew."""
    errors = [{"field": name, "message": "Needed, also for a new address or login."} for name in fields]
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors)
    return Problem(422, "Invalid input", code="invalid_input", detail=detail, errors=errors)


def wrong_address(error: AddressProblem) -> Problem:
    return invalid(str(error))


def not_ready(problems: Sequence[str]) -> None:
    """Raises Problem for a store whose check found something to put right first."""
    if problems:
        raise Problem(422, "Store not ready", code="store_not_ready", detail=" ".join(problems))
