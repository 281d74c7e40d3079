"""What a finished round means for the person who waited for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class RoundReport:
    state: Literal["running", "completed", "failed"]
    detail: str
    connections: Sequence[Mapping[str, Any]]
    """As in `sync.completed`: connection_id, state, detail."""


def round_failure(report: RoundReport, store_names: Mapping[int, str]) -> str | None:
    """A sentence that names who failed, None when everybody is up to date. A paused store is no failure."""
    if report.state == "failed":
        return report.detail or "Prokip could not be read."
    failing = [store for store in report.connections if store["state"] == "failing"]
    if not failing:
        return None
    return " ".join(
        f"{store_names.get(store['connection_id'], 'A store')}: {store['detail'] or 'does not take the quantities'}."
        for store in failing
    )
