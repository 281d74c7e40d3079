"""A small fixed set of histories on every test run; `make simulate` runs as many as you like."""

import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.simulation import mutation, runs
from tests.simulation.chance import Chance
from tests.simulation.loop import Stuck, VirtualLoop

SEEDS = (0, 1, 2, 3, 1186)


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_is_right_once_faults_have_stopped(seed: int) -> None:
    outcome = runs.run_product(seed)

    assert outcome.wrong == (), f"replay it with: make simulate SEEDS={seed}-{seed}"
    assert outcome.converged
    assert (outcome.row.lost, outcome.row.duplicated, outcome.row.parked) == (0, 0, 0)
    assert outcome.row.applied_once == outcome.row.attempted


def test_naive_algorithms_lose_and_double_in_the_same_world() -> None:
    from tests.simulation.naive import Delta, Overwrite
    from tests.simulation.world import World

    for naive in (Overwrite, Delta):
        row = World(3, naive, recovery_s_max=300.0).run().row
        assert row.lost + row.duplicated > 0


def test_a_seed_is_one_history_byte_for_byte() -> None:
    first, second = (_command("1-1").stdout for _ in range(2))

    assert first == second
    assert first.count(b"\n") > 50


def _command(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=100)  # noqa: S603  # our own words


def test_two_seeds_are_two_histories() -> None:
    assert runs.run_product(1).digest != runs.run_product(2).digest


@pytest.mark.parametrize(
    "name",
    [
        "takes the state as a difference",
        "writes balances without what is taken",
        "takes Q without R",
        "confirms the number before the write",
        "sends Q alone",
        "sells the whole order again",
        "moves R up for a return",
    ],
)
def test_a_planted_bug_is_found(name: str) -> None:
    """Those that show in almost any history; `make simulate-mutations` hunts all of them."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        found = pool.submit(mutation.hunt, name, range(5)).result(timeout=100)
    assert found.seed is not None, found


@pytest.mark.parametrize("name", mutation.MUTANTS)
def test_a_planted_bug_names_one_line_of_the_product(name: str) -> None:
    mutant = mutation.MUTANTS[name]
    source = (mutation.ROOT / mutant.file).read_text(encoding="utf-8")

    assert source.count(mutant.old) == 1, f"{mutant.file} has changed: bring the planted bug {name!r} up to date"
    assert mutant.new != mutant.old


def test_a_planted_bug_is_caught_and_its_seed_replays() -> None:
    outcomes = [_command("0-0", "--mutant", "takes Q without R") for _ in range(2)]

    assert [outcome.returncode for outcome in outcomes] == [1, 1]
    assert outcomes[0].stdout == outcomes[1].stdout
    assert b"WRONG" in outcomes[0].stdout


def test_time_jumps_to_the_next_timer() -> None:
    import asyncio

    loop = VirtualLoop(Chance(1).stream("ties"))
    try:
        loop.run_until_complete(asyncio.sleep(86_400))
        assert 86_400 <= loop.time() < 86_401
        with pytest.raises(Stuck):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()
