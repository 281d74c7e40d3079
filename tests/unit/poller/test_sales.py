"""Telling Prokip about orders, state to state."""

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from prokip_poller.domain.attempts import Outcome, RetryPolicy, judge, left_out_delay_s, poll_delay_s
from prokip_poller.domain.sales import (
    GiveBack,
    RecordSale,
    SaleState,
    Sell,
    Step,
    ToldLine,
    apply_step,
    by_hand,
    counter_moves,
    newest_sell_id,
    next_step,
    steps_left,
    told_units,
)

D = Decimal
POLICY = RetryPolicy(base_s=1, cap_s=60, refused_s=900, jitter=0.2)


def sell(posting_id: int, sell_id: str | None = "S", **units: int) -> Sell:
    return Sell(posting_id, sell_id, {sku: ToldLine(D(n)) for sku, n in units.items()})


def test_a_first_sale_tells_everything() -> None:
    assert next_step({"A": D(2), "B": D(1)}, []) == RecordSale({"A": D(2), "B": D(1)})


def test_further_units_are_a_further_sale_of_the_difference() -> None:
    assert next_step({"A": D(5)}, [sell(1, A=2)]) == RecordSale({"A": D(3)})


def test_the_same_state_again_needs_nothing() -> None:
    assert next_step({"A": D("2.0")}, [sell(1, A=2)]) is None


def test_fewer_units_go_back_on_the_sale_that_told_them() -> None:
    assert next_step({"A": D(1)}, [sell(1, "S1", A=3)]) == GiveBack(1, "S1", {"A": D(2)})


def test_returns_spread_over_the_sales_newest_first() -> None:
    sells = [sell(1, "S1", A=2), sell(5, "S5", A=1, B=1)]
    assert steps_left({"B": D(1)}, sells) == [GiveBack(5, "S5", {"A": D(1)}), GiveBack(1, "S1", {"A": D(2)})]


def test_a_cancel_gives_everything_back_and_a_later_sale_is_a_new_one() -> None:
    sells = [sell(1, "S1", A=2)]
    cancel = next_step({"A": D(0)}, sells)
    assert cancel == GiveBack(1, "S1", {"A": D(2)})
    sells = apply_step(sells, cancel, posting_id=2, sell_id=None)
    assert next_step({"A": D(2)}, sells) == RecordSale({"A": D(2)})


def test_a_swapped_article_is_sold_before_the_other_goes_back() -> None:
    steps = steps_left({"B": D(1)}, [sell(1, "S1", A=1)])
    assert steps == [RecordSale({"B": D(1)}), GiveBack(1, "S1", {"A": D(1)})]


def test_a_return_on_a_sale_without_a_known_id_waits_behind_what_can_be_done() -> None:
    sells = [sell(1, "S1", A=1), sell(2, None, A=1)]
    assert next_step({"A": D(0)}, sells) == GiveBack(1, "S1", {"A": D(1)})
    only_by_hand = next_step({"A": D(1)}, sells)
    assert only_by_hand is not None
    assert by_hand(only_by_hand)


def test_counters_rise_with_sales_and_fall_with_returns() -> None:
    assert counter_moves(RecordSale({"A": D(2)})) == {"A": D(2)}
    assert counter_moves(GiveBack(1, "S", {"A": D(2)})) == {"A": D(-2)}


def test_an_operator_finds_the_order_by_its_newest_known_sale() -> None:
    assert newest_sell_id([sell(3, "S3", A=1), sell(1, "S1", A=1), sell(9, None, A=1)]) == "S3"
    assert newest_sell_id([]) is None


def test_delays_double_to_a_cap_with_jitter_and_never_undercut_what_prokip_asked_for() -> None:
    assert [POLICY.after_failures(n, chance=0.5) for n in (1, 2, 3, 99)] == [1, 2, 4, 60]
    assert POLICY.after_failures(1, chance=0.0) == 0.8
    assert POLICY.after_failures(1, chance=1.0) == 1.2
    assert POLICY.after_failures(1, chance=0.5, asked_s=30) == 30
    assert POLICY.after_refusal(chance=0.5) == 900


def test_an_early_read_comes_later_each_time_and_never_after_the_usual_one() -> None:
    assert [left_out_delay_s(n, base_s=5, interval_s=30) for n in (1, 2, 3, 99)] == [5, 10, 20, 30]
    assert poll_delay_s(300, chance=0.0) == 270


def test_each_outcome_has_its_state() -> None:
    def state(outcome: Outcome, left: int = 0) -> tuple[SaleState, float | None]:
        verdict = judge(outcome, steps_left=left, refused_in_s=900)
        return verdict.state, verdict.retry_in_s

    assert state("recorded") == ("recorded", None)
    assert state("recorded", left=1) == ("due", None)
    assert state("not_recorded", left=1) == ("due", None)
    assert state("not_sent", left=1) == ("due", None)
    assert state("refused", left=1) == ("refused", 900)
    assert state("unsupported", left=1) == ("return_unsupported", None)
    assert state("in_doubt", left=1) == ("in_doubt", None)
    assert state("posting", left=1) == ("posting", None)


@dataclass
class Prokip:
    """Keeps what really happened, by sale."""

    refunds: bool
    sales: dict[str, dict[str, Decimal]] = field(default_factory=dict)

    def carry_out(self, step: Step) -> tuple[Outcome, str | None]:
        if isinstance(step, RecordSale):
            sell_id = f"S{len(self.sales) + 1}"
            self.sales[sell_id] = dict(step.units)
            return "recorded", sell_id
        if not self.refunds:
            return "unsupported", None
        assert step.sell_id is not None
        for sku, units in step.units.items():
            self.sales[step.sell_id][sku] -= units
            assert self.sales[step.sell_id][sku] >= 0, "more went back than was sold"
        return "recorded", step.sell_id

    def units(self) -> dict[str, Decimal]:
        total: dict[str, Decimal] = {}
        for sale in self.sales.values():
            for sku, units in sale.items():
                total[sku] = total.get(sku, D(0)) + units
        return {sku: units for sku, units in total.items() if units}


@dataclass
class Order:
    """The protocol of the service around the pure decisions, without a database."""

    prokip: Prokip
    due: dict[str, Decimal] = field(default_factory=dict)
    sells: list[Sell] = field(default_factory=list)
    state: SaleState = "recorded"
    open: Step | None = None
    happened: str | None = None
    """What really became of the request in doubt: a sell id, or None."""
    postings: int = 0

    def becomes_due(self, due: dict[str, Decimal]) -> None:
        self.due = due
        if self.state not in {"posting", "in_doubt"}:
            self.state = "due"

    def post(self, fault: str) -> None:
        step = next_step(self.due, self.sells) if self.state in {"due", "refused"} else None
        if step is None:
            self.state = "recorded" if self.state == "due" else self.state
            return
        if by_hand(step):
            self.state = "return_unsupported"
            return
        self.postings += 1
        self.open = step
        if fault in {"none", "lost answer", "crash after"}:
            outcome, sell_id = self.prokip.carry_out(step)
            self.happened = sell_id
            if fault == "none":
                self.finish(outcome, sell_id)
            elif outcome == "unsupported":
                self.finish("in_doubt", None)
            else:
                self.state = "in_doubt"
            return
        self.happened = None
        answers: dict[str, Outcome] = {"refused": "refused", "no connection": "not_sent"}
        if fault in answers:
            self.finish(answers[fault], None)
        else:  # a crash or a time-out before the effect looks the same as one after it
            self.state = "in_doubt"

    def finish(self, outcome: Outcome, sell_id: str | None) -> None:
        assert self.open is not None
        if outcome == "recorded":
            self.sells = apply_step(self.sells, self.open, posting_id=self.postings, sell_id=sell_id)
        left = len(steps_left(self.due, self.sells))
        self.state = judge(outcome, steps_left=left, refused_in_s=900).state

    def settle_truthfully(self, id_known: bool) -> None:
        if self.state == "in_doubt":
            done = self.happened is not None
            self.finish("recorded" if done else "not_recorded", self.happened if id_known else None)

    def enter_returns_by_hand(self) -> None:
        if self.state != "return_unsupported":
            return
        for step in steps_left(self.due, self.sells):
            if isinstance(step, GiveBack):
                assert step.sell_id is not None
                for sku, units in step.units.items():
                    self.prokip.sales[step.sell_id][sku] -= units
                self.sells = apply_step(self.sells, step, posting_id=0, sell_id=None)
        self.state = "due"

    def told(self) -> dict[str, Decimal]:
        return {sku: units for sku, units in told_units(self.sells).items() if units}


UNITS = st.decimals(min_value=0, max_value=4, places=1)
DUE = st.dictionaries(st.sampled_from(["A", "B", "C"]), UNITS, max_size=3)
FAULTS = st.sampled_from(
    ["none", "none", "lost answer", "crash before", "crash after", "timeout before", "refused", "no connection"]
)


@settings(max_examples=400)
@given(st.booleans(), st.lists(st.tuples(DUE, st.lists(FAULTS, max_size=4), st.booleans()), max_size=6))
def test_any_history_ends_with_prokip_knowing_every_unit_once_or_visibly_blocked(
    refunds: bool, history: list[tuple[dict[str, Decimal], list[str], bool]]
) -> None:
    order = Order(Prokip(refunds))
    for due, faults, settles in history:
        order.becomes_due(due)
        for fault in faults:
            order.post(fault)
            if order.state not in {"in_doubt", "posting"}:
                assert order.told() == order.prokip.units()
            if settles:
                order.settle_truthfully(id_known=True)
    order.settle_truthfully(id_known=True)
    while order.state in {"due", "refused"}:
        order.post("none")
    if order.state == "return_unsupported":
        assert not refunds
        order.enter_returns_by_hand()
        order.post("none")
    assert order.state == "recorded"
    assert order.told() == order.prokip.units() == {sku: units for sku, units in order.due.items() if units}
