"""Bugs of one line, planted one at a time: each must be caught by the simulation.

A bug is planted in memory, when its module is imported; no file is touched.
"""

import importlib.machinery
import importlib.util
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from typing_extensions import override

ROOT: Final = Path(__file__).parents[2]
INVENTORY: Final = "services/inventory/src/inventory"
PUSH: Final = "services/store-push/src/store_push"
POLLER: Final = "services/prokip-poller/src/prokip_poller"
PLATFORMS: Final = "shared/src/prokip_shared/platforms"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A line of the product, and what a tired engineer might have written."""

    file: str
    old: str
    new: str
    scenario: str = "ordinary"
    """In which it shows."""
    caught_by: int | None = None
    """A history that showed it before: tried first."""


@dataclass(frozen=True, slots=True)
class Hunt:
    name: str
    seed: int | None
    """The first history that showed the bug; None: none did."""
    words: str
    histories: int
    elapsed_s: float


MUTANTS: Final[dict[str, Mutant]] = {
    # the ledger
    "takes the state as a difference": Mutant(
        f"{INVENTORY}/domain/orders.py",
        "Step(stock_key, now - was, reason,",
        "Step(stock_key, now, reason,",
        caught_by=0,
    ),
    "lets an older snapshot win": Mutant(
        f"{INVENTORY}/domain/snapshots.py",
        "return Age.NEWER if snapshot.modified_at > held.modified_at else Age.OLDER",
        "return Age.NEWER",
        caught_by=15,
    ),
    "tells Prokip of more only": Mutant(
        f"{INVENTORY}/domain/orders.py",
        "owed_changes = owed_changes or (was != now and (was > 0 or now > 0))",
        "owed_changes = owed_changes or (was != now and now > 0)",
        caught_by=0,
    ),
    "counts what was sold before the connection": Mutant(
        f"{INVENTORY}/domain/snapshots.py",
        "exact(line.taken) if predates_connection else ZERO",
        "ZERO",
        caught_by=2,
    ),
    "forgets the baseline later": Mutant(
        f"{INVENTORY}/domain/values.py",
        "return self.taken - self.baseline - self.unmatched",
        "return self.taken - self.unmatched",
        caught_by=2,
    ),
    "keeps the last connection's units only": Mutant(
        f"{INVENTORY}/domain/shelves.py",
        "self.by_connection[connection_id] = shown if held is None else held + shown",
        "self.by_connection[connection_id] = shown",
        caught_by=0,
    ),
    "tells the units of before": Mutant(
        f"{INVENTORY}/domain/shelves.py",
        "self.revision, dict(self.by_connection), self.correlation_id",
        "self.revision, dict(self.row.taken_by_connection), self.correlation_id",
        caught_by=26,
    ),
    "writes balances without what is taken": Mutant(
        f"{INVENTORY}/domain/shelves.py",
        "                shelf.base - shelf.taken,",
        "                shelf.base,",
        caught_by=0,
    ),
    "lets a doubt undo its own end": Mutant(
        f"{INVENTORY}/domain/sales.py",
        'return answer.revision == log.answered_revision and log.state == "recorded" != answer.state',
        "return False",
        scenario="late answers",
        caught_by=0,
    ),
    "takes the newest answer about a sale for an old one": Mutant(
        f"{INVENTORY}/domain/sales.py",
        "if answer.revision < log.answered_revision or _is_overtaken(answer, log):",
        "if answer.revision > log.answered_revision > 0:",
        caught_by=0,
    ),
    # what Prokip holds
    "takes Q without R": Mutant(
        f"{INVENTORY}/domain/shelves.py",
        "self.base = quantity + recorded",
        "self.base = quantity",
        caught_by=0,
    ),
    "lets an older reading win": Mutant(
        f"{INVENTORY}/domain/shelves.py",
        "if self.row.observed_sequence is not None and sequence <= self.row.observed_sequence:",
        "if sequence < 0:",
        scenario="late messages",
        caught_by=5,
    ),
    "never tells a first quantity of zero": Mutant(
        f"{INVENTORY}/domain/shelves.py",
        "if not first and not moved:",
        "if not moved:",
        caught_by=3,
    ),
    # orders as stores tell them
    "forgets Shopify's restocks": Mutant(
        f"{PLATFORMS}/shopify_webhooks.py",
        "taken=max(ordered - restocked.get(line_ref, Decimal(0)), Decimal(0)),",
        "taken=ordered,",
        caught_by=0,
    ),
    "ignores WooCommerce's own book": Mutant(
        f"{PLATFORMS}/woocommerce_webhooks.py",
        "taken=by_status if reduced is None else reduced,",
        "taken=by_status,",
        caught_by=0,
    ),
    # pushes
    "keeps the first target of a batch": Mutant(
        f"{PUSH}/handlers/stock.py",
        "if known is None or known.revision < item.revision:",
        "if known is None:",
        scenario="bursts",
        caught_by=0,
    ),
    "believes what was confirmed, whatever was sold since": Mutant(
        f"{PUSH}/domain/listings.py",
        "return _whole(self.confirmed + self.confirmed_taken - self.target_taken)",
        "return _whole(self.confirmed + self.confirmed_taken - self.confirmed_taken)",
        caught_by=13,
    ),
    "forgets which sales a number included": Mutant(
        f"{PUSH}/storage/work.py",
        "listing.target_taken if fresh else listing.confirmed_taken,",
        "listing.target_taken,",
        scenario="late news",
        caught_by=18,
    ),
    "compares the target with the wrong number": Mutant(
        f"{PUSH}/domain/decisions.py",
        "elif believed == target:",
        "elif listing.confirmed == target:",
        scenario="sold and brought back",
        caught_by=51,
    ),
    "shows less than nothing": Mutant(
        f"{PUSH}/domain/rules.py",
        "units = int(max(available - buffer, ZERO).to_integral_value(rounding=ROUND_FLOOR))",
        "units = int((available - buffer).to_integral_value(rounding=ROUND_FLOOR))",
        caught_by=7,
    ),
    "forgets what is kept back": Mutant(
        f"{PUSH}/domain/rules.py",
        "buffer = store.buffer if sku.buffer is None else sku.buffer",
        "buffer = ZERO if sku.buffer is None else sku.buffer",
    ),
    "forgets the most that may be shown": Mutant(
        f"{PUSH}/domain/rules.py",
        "shown_max = store.shown_max if sku.shown_max is None else sku.shown_max",
        "shown_max = sku.shown_max",
    ),
    "writes the target over sales not yet told": Mutant(
        f"{PUSH}/domain/decisions.py",
        "shifted = max(0, shown + target - believed)",
        "shifted = target",
        caught_by=3,
    ),
    "confirms the number before the write": Mutant(
        f"{PUSH}/domain/decisions.py",
        "        write.shows,\n",
        "        write.shown,\n",
        caught_by=0,
    ),
    "forgets a sale that zero hides": Mutant(
        f"{PUSH}/domain/decisions.py",
        "return self.quantity if self.gap is None else self.quantity - self.gap.units",
        "return self.listing.target or 0",
        scenario="late news",
        caught_by=3,
    ),
    "writes again what may have been written": Mutant(
        f"{PUSH}/domain/listings.py",
        "return self.believed_if_written is not None and self.believed_if_written != self.believed",
        "return self.believed_if_written is None and self.believed_if_written != self.believed",
        scenario="unanswered",
        caught_by=0,
    ),
    "forgets a write that was not answered": Mutant(
        f"{PUSH}/pusher.py",
        "report.unanswered |= {write.listing.listing_id for write in writes}",
        "report.unanswered |= set()",
        scenario="unanswered",
        caught_by=0,
    ),
    "does not look after a sale and a return at once": Mutant(
        f"{PUSH}/domain/decisions.py",
        "if listing.target_revision == listing.confirmed_revision or not _may",
        "if listing.target_taken == listing.confirmed_taken or not _may",
        scenario="late news",
        caught_by=7,
    ),
    "forgets a difference that vanished unexplained": Mutant(
        f"{PUSH}/domain/decisions.py",
        "return None if explained else Gap(0, listing.target_taken, now)",
        "return None",
        scenario="edited and sold",
        caught_by=20,
    ),
    "judges before the ledger has counted": Mutant(
        f"{PUSH}/domain/decisions.py",
        "            and swept.counted\n",
        "",
        scenario="late messages",
        caught_by=16,
    ),
    # sweeps
    "sweeps from after the last one": Mutant(
        f"{PUSH}/domain/sweeps.py",
        "return self.swept_to - overlap",
        "return self.swept_to + overlap",
        caught_by=1,
    ),
    "sweeps new orders as old ones": Mutant(
        f"{PUSH}/domain/sweeps.py",
        "order.created_at < sweep.connected_at",
        "order.created_at > sweep.connected_at",
        caught_by=0,
    ),
    # reading Prokip
    "does not look after the page": Mutant(
        f"{POLLER}/domain/observations.py",
        "reason = before.open.reason(sku) or after.open.reason(sku)",
        "reason = before.open.reason(sku)",
        caught_by=1,
    ),
    "does not see counters that moved": Mutant(
        f"{POLLER}/domain/observations.py",
        "if reason is None and known.counter.moved_at > before.moves:",
        "if reason is None and known.counter.moved_at < 0:",
        caught_by=8,
    ),
    "sends Q alone": Mutant(
        f"{POLLER}/domain/observations.py",
        "pair = Pair(quantity, known.counter.units)",
        "pair = Pair(quantity, Decimal(0))",
        caught_by=0,
    ),
    "drops the last part of a reading": Mutant(
        f"{POLLER}/outcomes.py",
        "parts=max(1, -(-told // items_max)),",
        "parts=max(1, told // items_max),",
        caught_by=1,
    ),
    # telling Prokip
    "sells the whole order again": Mutant(
        f"{POLLER}/domain/sales.py",
        "missing = {sku: units - told.get(sku, ZERO) for",
        "missing = {sku: units for",
        caught_by=0,
    ),
    "gives more back than a sale holds": Mutant(
        f"{POLLER}/domain/sales.py",
        "sku: min(units, sell.lines[sku].kept)",
        "sku: units",
        caught_by=6,
    ),
    "forgets what was given back": Mutant(
        f"{POLLER}/domain/sales.py",
        "return self.sold - self.returned",
        "return self.sold",
        caught_by=0,
    ),
    "moves R up for a return": Mutant(
        f"{POLLER}/domain/sales.py",
        "sign = Decimal(1) if isinstance(step, RecordSale) else Decimal(-1)",
        "sign = Decimal(1)",
        caught_by=0,
    ),
    "sends what is in doubt again": Mutant(
        f"{POLLER}/domain/attempts.py",
        'return Verdict("in_doubt", None)',
        'return Verdict("due", 1.0)',
        caught_by=2,
    ),
    "takes a time-out for not sent": Mutant(
        f"{POLLER}/recording.py",
        'return Answer("in_doubt", error.words)',
        'return Answer("not_sent", error.words)',
        caught_by=0,
    ),
    "does not count what an operator settled": Mutant(
        f"{POLLER}/settling.py",
        'if answer.outcome == "recorded":\n                told',
        'if answer.outcome == "recorded" and not answer.by_hand:\n                told',
        caught_by=2,
    ),
    "lets a sale cross a return in doubt": Mutant(
        f"{POLLER}/domain/looks.py",
        "return any(doubt.sku in step.units and (returns or doubt.kind ==",
        "return any(doubt.sku in step.units and returns and (doubt.kind ==",
        scenario="slow returns",
        caught_by=1,
    ),
    "posts at one location all at once": Mutant(
        f"{POLLER}/recording.py",
        "return 1 if client.one_at_a_time else self._limits.posting_concurrency",
        "return self._limits.posting_concurrency",
        caught_by=4,
    ),
    "believes the first look that finds nothing": Mutant(
        f"{POLLER}/looking.py",
        'if seen.found == "not_there" and doubt.final_in_s <= 0:',
        'if seen.found == "not_there":',
        caught_by=28,
    ),
    "counts a sale for every request that finds it": Mutant(
        f"{POLLER}/looking.py",
        "if one.sell_id not in counted]",
        "if one.sell_id]",
        scenario="frozen processes",
        caught_by=23,
    ),
    "gives back what goes back now as the total": Mutant(
        f"{POLLER}/domain/requests.py",
        "total = line.returned + now",
        "total = now",
        caught_by=10,
    ),
    "keeps the oldest state of a batch": Mutant(
        f"{POLLER}/handlers/consume.py",
        "message.revision > newest[key].revision",
        "message.revision < newest[key].revision",
        scenario="bursts",
        caught_by=0,
    ),
}


class _Loader(SourceFileLoader):
    """Reads a module's source with the bug in it, past any compiled file."""

    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self._mutant = mutant

    @override
    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        source = self.get_data(path).decode()
        code: CodeType = self.source_to_code(source.replace(self._mutant.old, self._mutant.new).encode(), path)
        return code


class _Finder(MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._path = str(ROOT / mutant.file)

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin != self._path:
            return None
        return importlib.util.spec_from_file_location(
            fullname, self._path, loader=_Loader(fullname, self._path, self._mutant)
        )


def plant(mutant: Mutant) -> None:
    """For the rest of this process; before the module is imported."""
    sys.meta_path.insert(0, _Finder(mutant))


def hunt(name: str, seeds: Sequence[int]) -> Hunt:
    """Runs histories with the bug in place until one shows it. In a process of its own."""
    from tests.simulation import runs

    mutant = MUTANTS[name]
    plant(mutant)
    began_s = time.perf_counter()
    first = [] if mutant.caught_by is None else [mutant.caught_by]
    for number, seed in enumerate([*first, *seeds], start=1):
        try:
            wrong = runs.run_product(seed, mutant.scenario).wrong
        except Exception as error:  # noqa: BLE001  # a bug may show in any way
            wrong = (f"{type(error).__name__}: {error}",)
        if wrong:
            return Hunt(name, seed, wrong[0], number, time.perf_counter() - began_s)
    return Hunt(name, None, "", len(seeds), time.perf_counter() - began_s)


def healthy(seed: int, scenario: str) -> bool:
    """Whether the product as it is gets through a history; a bug is only caught where it does."""
    from tests.simulation import runs

    return not runs.run_product(seed, scenario).wrong


def say(line: str) -> None:
    """At once: the next bug may take a while."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def score(seeds: Sequence[int], processes: int | None = None) -> int:
    """Prints what became of each bug; 0 where all were caught."""
    context = multiprocessing.get_context("spawn")
    caught = 0
    with (
        ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=1) as hunters,
        ProcessPoolExecutor(1, mp_context=context) as control,
    ):
        for found in hunters.map(hunt, MUTANTS, [seeds] * len(MUTANTS)):
            where = "NOT CAUGHT"
            if found.seed is not None:
                right = control.submit(healthy, found.seed, MUTANTS[found.name].scenario).result()
                where = f"seed {found.seed}" if right else "WRONG ANYWAY"
                caught += right
            say(
                f"{found.name:55} {where:>12} after {found.histories:3} histories, {found.elapsed_s:5.1f} s: {found.words[:90]}"
            )
    say(f"{caught} of {len(MUTANTS)} planted bugs caught, each within {len(seeds) + 1} histories")
    return 0 if caught == len(MUTANTS) else 1
