"""What histories came to, for people."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.simulation.runs import Totals

COLUMNS: Final = (
    ("attempted", "attempted"),
    ("acknowledged", "acknowledged"),
    ("applied once", "applied_once"),
    ("lost", "lost"),
    ("duplicated", "duplicated"),
    ("parked", "parked"),
    ("oversold", "oversold"),
    ("wrong pushes", "wrong_pushes"),
    ("in a window", "wrong_in_window"),
    ("max lag s", "max_lag_s"),
    ("recovered after s", "recovered_after_s"),
)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def say_aside(line: str) -> None:
    """At once, and where it does not mix with the result."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def side_by_side(totals: Sequence["Totals"]) -> str:
    names = ["", *(title for title, _ in COLUMNS), "unconverged"]
    rows = [names]
    for total in totals:
        values = [getattr(total.row, field) for _, field in COLUMNS]
        cells = [f"{value:,.0f}" if isinstance(value, float) else f"{value:,}" for value in values]
        rows.append([total.name, *cells, f"{total.unconverged:,}"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(lines)


def pace(total: "Totals", elapsed_s: float) -> str:
    hours = total.simulated_s / 3600
    return (
        f"{total.histories:,} histories, {total.crashes:,} crashes, {hours:,.0f} simulated hours "
        f"in {elapsed_s:,.0f} s: {total.histories / elapsed_s:.1f} histories a second, "
        f"{hours / elapsed_s * 60:,.0f} hours a minute"
    )
