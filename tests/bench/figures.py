"""What a benchmark says: a figure beside a limit that was measured in the same run, and whether the goal is met."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    path: str
    value: float
    unit: str
    limit: float
    limit_name: str
    goal: str
    """In words, for example `ratio 0.6 or more`."""
    met: bool
    notes: dict[str, float | str] = field(default_factory=dict)
    """Further figures of the same run: percentiles, memory, counts."""

    @property
    def ratio(self) -> float:
        return self.value / self.limit if self.limit else float("inf")


def table(figures: Sequence[Figure]) -> str:
    """Markdown, ready for docs/performance.md."""
    lines = ["| path | measured | limit beside it | ratio | goal | met |", "|---|---|---|---|---|---|"]
    for figure in figures:
        notes = "".join(f"; {name} {_short(value)}" for name, value in figure.notes.items())
        lines.append(
            f"| {figure.path} | {_short(figure.value)} {figure.unit}{notes} | {_short(figure.limit)} ({figure.limit_name})"
            f" | {figure.ratio:.2f} | {figure.goal} | {'yes' if figure.met else 'NO'} |"
        )
    return "\n".join(lines)


def write_json(figures: Sequence[Figure], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(figure) | {"ratio": round(figure.ratio, 3)} for figure in figures]
    file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _short(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
