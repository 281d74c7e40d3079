"""Many histories, on all cores."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.simulation.judge import Row
    from tests.simulation.world import Outcome

CHUNK_SEEDS: Final = 10
SYSTEMS: Final = ("prokip-sync", "overwrite per poll", "delta per webhook")


@dataclass(slots=True)
class Totals:
    """What all histories of one system came to."""

    name: str
    row: "Row"
    histories: int = 0
    simulated_s: float = 0.0
    crashes: int = 0
    unconverged: int = 0
    failed: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    def add(self, outcome: "Outcome") -> None:
        self.row.add(outcome.row)
        self.histories += 1
        self.simulated_s += outcome.simulated_s
        self.crashes += outcome.crashes
        self.unconverged += not outcome.converged
        if outcome.wrong:
            self.failed.append((outcome.seed, outcome.wrong))


def seeds_of(text: str) -> tuple[Sequence[int], bool]:
    """`100`: the first hundred; `5-9`: a range; `=7`: one seed, to be replayed with its log (the second value)."""
    if text.startswith("="):
        return [int(text[1:])], True
    if "-" in text:
        first, last = text.split("-")
        return range(int(first), int(last) + 1), first == last
    return range(int(text)), False


def run_product(seed: int, scenario: str = "ordinary") -> "Outcome":
    return _run(SYSTEMS[0], seed, scenario)


def run_all(
    seeds: Sequence[int],
    *,
    rivals: bool,
    processes: int | None,
    scenario: str = "ordinary",
    begin: Callable[[], None] | None = None,
    tell: Callable[[str, "Outcome"], None],
) -> list[Totals]:
    """One total for each system, the product first. `begin` runs in each process, before the product is imported."""
    from tests.simulation.judge import Row

    names = SYSTEMS if rivals else SYSTEMS[:1]
    totals = [Totals(name, Row()) for name in names]
    chunks = [seeds[start : start + CHUNK_SEEDS] for start in range(0, len(seeds), CHUNK_SEEDS)]
    work = [(total, chunk) for chunk in chunks for total in totals]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=begin) as pool:
        answers = pool.map(_run_chunk, [(total.name, scenario, chunk) for total, chunk in work])
        for (total, _), outcomes in zip(work, answers, strict=True):
            for outcome in outcomes:
                total.add(outcome)
                tell(total.name, outcome)
    return totals


def _run_chunk(work: tuple[str, str, Sequence[int]]) -> list["Outcome"]:
    """Without their logs, which are long and can be had again."""
    from dataclasses import replace

    name, scenario, seeds = work
    return [replace(_run(name, seed, scenario), log=()) for seed in seeds]


def _run(name: str, seed: int, scenario: str) -> "Outcome":
    """The product is imported here and not before, so that a bug can be planted in it first."""
    from tests.simulation.naive import Delta, Overwrite
    from tests.simulation.product import Product
    from tests.simulation.scenarios import SCENARIOS
    from tests.simulation.world import NAIVE_RECOVERY_S, RECOVERY_S_MAX, World

    systems: dict[str, Callable[[World], object]] = {one.name: one for one in (Product, Overwrite, Delta)}
    recovery_s_max = RECOVERY_S_MAX if name == Product.name else NAIVE_RECOVERY_S
    world = World(seed, systems[name], recovery_s_max=recovery_s_max, scenario=SCENARIOS[scenario])  # type: ignore[arg-type]  # one of three
    return world.run()
