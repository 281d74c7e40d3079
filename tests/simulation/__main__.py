"""Runs histories: `python -m tests.simulation 1000`, `5-9`, or `7` with its whole log; see docs/simulation.md."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.simulation import mutation, runs, table
from tests.simulation.scenarios import SCENARIOS
from tests.simulation.table import say, say_aside

if TYPE_CHECKING:
    from tests.simulation.world import Outcome

HASH_SEED: Final = "0"
PROGRESS_HISTORIES: Final = 500


def main() -> int:
    arguments = _parse()
    seeds, single = runs.seeds_of(arguments.seeds)
    begin = None if arguments.mutant is None else partial(mutation.plant, mutation.MUTANTS[arguments.mutant])
    if arguments.mutations:
        return mutation.score(seeds, arguments.processes)
    if single:
        if begin is not None:
            begin()
        return _replay(seeds[0], arguments.scenario)
    began_s = time.perf_counter()
    totals = runs.run_all(
        seeds,
        rivals=not arguments.alone,
        processes=arguments.processes,
        scenario=arguments.scenario,
        begin=begin,
        tell=Progress(began_s).tell,
    )
    elapsed_s = time.perf_counter() - began_s
    say(table.side_by_side(totals))
    say(table.pace(totals[0], elapsed_s))
    for seed, wrong in totals[0].failed:
        say(_failed(seed, wrong))
    if totals[0].failed:
        say(f"replay one with its log: make simulate SEEDS={totals[0].failed[0][0]}-{totals[0].failed[0][0]}")
    return 1 if totals[0].failed else 0


@dataclass(slots=True)
class Progress:
    """A long run's failures as they are found, and how far it is; beside the output."""

    began_s: float
    histories: int = 0

    def tell(self, system: str, outcome: "Outcome") -> None:
        if system != runs.SYSTEMS[0]:
            return
        self.histories += 1
        if outcome.wrong:
            say_aside(_failed(outcome.seed, outcome.wrong))
        if self.histories % PROGRESS_HISTORIES == 0:
            say_aside(f"{self.histories} histories in {time.perf_counter() - self.began_s:.0f} s")


def _failed(seed: int, wrong: Sequence[str]) -> str:
    return f"seed {seed}: {wrong[0]}" + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")


def _replay(seed: int, scenario: str) -> int:
    outcome = runs.run_product(seed, scenario)
    say("\n".join(outcome.log))
    say(f"seed {seed}: {len(outcome.log)} lines, sha256 {outcome.digest}")
    for wrong in outcome.wrong:
        say(f"WRONG: {wrong}")
    return 1 if outcome.wrong else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("seeds", nargs="?", default="100", help="how many, a range a-b, or =n for one with its log")
    parser.add_argument("--alone", action="store_true", help="leave out the two naive algorithms")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at a time; one core each")
    parser.add_argument("--mutations", action="store_true", help="plant each known bug and count how many are caught")
    parser.add_argument("--mutant", choices=sorted(mutation.MUTANTS), help="run with one bug planted")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="ordinary", help="what is the rule there")
    return parser.parse_args()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        # Sets of the product are walked in an order that depends on it, and a seed is one history.
        os.execve(  # noqa: S606  # itself, once
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": HASH_SEED},
        )
    sys.exit(main())
