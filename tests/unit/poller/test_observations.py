"""Which (Q, R) pairs a stock read may tell."""

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from prokip_poller.domain.observations import (
    After,
    Before,
    Change,
    Counter,
    Known,
    LeftOut,
    OpenPostings,
    Pair,
    Seen,
    compare_page,
    count_left_out,
    needs_quiet,
    passing_reads,
)

D = Decimal
NOBODY = OpenPostings()


def posting(*skus: str) -> OpenPostings:
    return OpenPostings(posting=frozenset(skus))


def test_a_changed_quantity_is_sent_with_the_counter() -> None:
    sent = Pair(D(11), D(3))
    after = After(NOBODY, {"A": Known(Counter(D(3), moved_at=7), sent)})
    outcome = compare_page(Before(7, NOBODY), {"A": D(10)}, (), after)
    assert outcome.changed == {"A": Change(sent, Pair(D(10), D(3)))}


def test_a_pair_that_was_sent_already_is_not_sent_again() -> None:
    after = After(NOBODY, {"A": Known(sent=Pair(D("10.00"), D(0)))})
    outcome = compare_page(Before(0, NOBODY), {"A": D(10)}, (), after)
    assert (outcome.changed, outcome.left_out) == ({}, {})


def test_a_sku_that_is_being_posted_before_or_after_the_read_is_left_out() -> None:
    quantities = {"A": D(1), "B": D(1), "C": D(1)}
    outcome = compare_page(Before(0, posting("A")), quantities, (), After(posting("B"), {}))
    assert outcome.left_out == {"A": "posting", "B": "posting"}
    assert set(outcome.changed) == {"C"}


def test_a_sale_that_began_and_ended_during_the_read_is_seen_by_the_move_of_its_counter() -> None:
    after = After(NOBODY, {"A": Known(Counter(D(5), moved_at=8))})
    outcome = compare_page(Before(7, NOBODY), {"A": D(10)}, (), after)
    assert outcome.left_out == {"A": "counter_moved"}


def test_a_sale_and_its_return_during_the_read_are_seen_although_the_counter_is_as_before() -> None:
    after = After(NOBODY, {"A": Known(Counter(D(0), moved_at=9))})
    assert compare_page(Before(7, NOBODY), {"A": D(10)}, (), after).left_out == {"A": "counter_moved"}


def test_doubt_outweighs_posting_because_it_does_not_pass() -> None:
    before = Before(0, OpenPostings(frozenset({"A"}), frozenset({"A"})))
    assert compare_page(before, {"A": D(1)}, (), After(NOBODY, {})).left_out == {"A": "in_doubt"}


def test_negative_and_decimal_quantities_are_kept() -> None:
    outcome = compare_page(Before(0, NOBODY), {"A": D("-2.5")}, (), After(NOBODY, {}))
    assert outcome.changed["A"].after.quantity == D("-2.5")


def test_unusable_rows_are_left_out_with_that_reason() -> None:
    outcome = compare_page(Before(0, NOBODY), {}, ("A",), After(NOBODY, {}))
    assert outcome.left_out == {"A": "unusable"}


def test_a_missing_sku_says_nothing() -> None:
    outcome = compare_page(Before(0, NOBODY), {"A": D(1)}, (), After(NOBODY, {"GONE": Known(sent=Pair(D(9), D(0)))}))
    assert "GONE" not in outcome.changed
    assert "GONE" not in outcome.left_out


def on_a_later_page(sent: Pair | None, found: Pair | None, quantity: Decimal) -> str:
    outcome = compare_page(
        Before(0, NOBODY), {"A": quantity}, (), After(NOBODY, {"A": Known(Counter(D(1)), sent, found)})
    )
    return outcome.left_out.get("A", "changed" if outcome.changed else "nothing")


def test_a_sku_that_two_pages_tell_differently_is_left_out() -> None:
    told, found = Pair(D(9), D(1)), Pair(D(4), D(1))
    assert on_a_later_page(told, found, D(4)) == "changed"
    assert on_a_later_page(told, found, D(5)) == "contradiction"
    assert on_a_later_page(told, found, D(9)) == "contradiction"
    assert on_a_later_page(told, told, D(8)) == "contradiction"
    assert on_a_later_page(None, found, D(5)) == "contradiction"


def test_a_sale_recorded_between_two_pages_is_no_contradiction() -> None:
    assert on_a_later_page(Pair(D(10), D(0)), Pair(D(10), D(0)), D(9)) == "changed"


def test_a_base_that_a_person_does_not_want_told_is_held_back_until_it_moves() -> None:
    known = Known(Counter(D(2)), sent=Pair(D(98), D(2)), held_back=D(7))
    sold_meanwhile = compare_page(Before(0, NOBODY), {"A": D(5)}, (), After(NOBODY, {"A": known}))
    assert (set(sold_meanwhile.held_back), dict(sold_meanwhile.changed)) == ({"A"}, {})
    moved = compare_page(Before(0, NOBODY), {"A": D(6)}, (), After(NOBODY, {"A": known}))
    assert (set(moved.lifted), moved.changed["A"].after) == ({"A"}, Pair(D(6), D(2)))
    right_again = compare_page(Before(0, NOBODY), {"A": D(98)}, (), After(NOBODY, {"A": known}))
    assert (set(right_again.lifted), dict(right_again.changed)) == ({"A"}, {})


def test_our_own_sales_move_no_base_and_zero_nothing() -> None:
    sold_out = Change(Pair(D(1), D(0)), Pair(D(0), D(1)))
    assert not sold_out.moves_base
    assert not sold_out.zeroes
    assert Change(Pair(D(1), D(0)), Pair(D(-1), D(0))).zeroes
    assert not Change(Pair(D(0), D(0)), Pair(D(-1), D(0))).zeroes, "it was not there before"
    assert not Change(None, Pair(D(0), D(0))).moves_base, "never told before is no change"


@given(st.lists(st.integers(0, 20_000)))
def test_what_was_seen_is_remembered_exactly(numbers: list[int]) -> None:
    seen = Seen()
    seen.add(numbers)
    assert seen.count == len(set(numbers))
    assert all(number in seen for number in numbers)
    assert (max(numbers, default=0) + 1) not in seen


def test_reads_that_leave_a_sku_out_are_counted_and_forgotten_once_it_is_told() -> None:
    held = {"A": LeftOut("posting", 1), "B": LeftOut("posting", 4)}
    assert count_left_out(held, {"A": "counter_moved"}) == {"A": LeftOut("counter_moved", 2)}


def test_only_reasons_that_pass_ask_for_quiet_or_an_early_read() -> None:
    assert needs_quiet({"A": LeftOut("posting", 2)}, reads_max=2)
    assert not needs_quiet({"A": LeftOut("posting", 1), "B": LeftOut("in_doubt", 9)}, reads_max=2)
    assert passing_reads({"A": LeftOut("unusable", 5), "B": LeftOut("in_doubt", 9)}) == 0


def test_a_contradiction_is_read_again_soon_and_needs_no_quiet() -> None:
    drifted = {"A": LeftOut("contradiction", 3)}
    assert passing_reads(drifted) == 3
    assert not needs_quiet(drifted, reads_max=2)


@dataclass
class World:
    """Prokip, our counters and the ledger's T for one SKU, moved step by step in any order."""

    quantity: int = 100
    counter_sales: int = 0
    counter: Counter = field(default_factory=Counter)
    moves: int = 0
    open: bool = False
    arrived: bool = False

    def step(self, name: str) -> None:
        if name == "counter sale":
            self.quantity -= 1
            self.counter_sales += 1
        elif name == "begin" and not self.open:
            self.open, self.arrived = True, False
        elif name == "arrive" and self.open and not self.arrived:
            self.quantity -= 1
            self.arrived = True
        elif name == "record" and self.open and self.arrived:
            self.moves += 1
            self.counter = Counter(self.counter.units + 1, self.moves)
            self.open = False

    def open_postings(self) -> OpenPostings:
        return posting("A") if self.open else NOBODY


STEPS = st.lists(st.sampled_from(["counter sale", "begin", "arrive", "record"]), max_size=5)


@settings(max_examples=600)
@given(st.lists(STEPS, min_size=6, max_size=6))
def test_whatever_interleaves_with_a_read_what_is_told_equals_the_truth_at_the_read(history: list[list[str]]) -> None:
    world = World()

    def go(steps: list[str]) -> None:
        for step in steps:
            world.step(step)

    go(history[0])
    before = Before(world.moves, world.open_postings())
    go(history[1])
    told_quantity, base = D(world.quantity), 100 - world.counter_sales
    go(history[2])
    open_after = world.open_postings()
    go(history[3])
    after = After(open_after, {"A": Known(world.counter)})
    outcome = compare_page(before, {"A": told_quantity}, (), after)
    if "A" in outcome.changed:
        pair = outcome.changed["A"].after
        assert pair.quantity + pair.recorded == base, (
            "available = Q + R - T needs every sale of ours in both or in none"
        )
