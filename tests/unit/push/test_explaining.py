from dataclasses import replace

import pytest

from store_push.domain.explaining import KINDS, Match, MatchKind, explain_match

MATCHED = Match("matched", "matched", "", "A", "A")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_sentence_that_says_whether_it_is_written_to(kind: MatchKind) -> None:
    match = replace(MATCHED, kind=kind, rule="never", reason="the store does not count it")
    said = explain_match(match)
    assert said.startswith("Written to: " if kind == "matched" else "Not written to: ")
    assert said.endswith(".")


def test_what_holds_a_matched_item_is_said() -> None:
    assert explain_match(MATCHED) == "Written to: it shows what Prokip has of A."
    assert explain_match(replace(MATCHED, store_sku="X")).endswith("It is X in the store and was linked by hand.")
    assert explain_match(replace(MATCHED, active=False)).endswith("Not now: the store is paused.")
    assert explain_match(replace(MATCHED, plan="held")).endswith("first quantities are not released.")
    assert explain_match(replace(MATCHED, asked=True)).endswith("somebody has to decide about its difference.")
    bundle = replace(MATCHED, bundle=True)
    assert explain_match(bundle) == "Written to: it shows how many of the bundle A its parts make."
    without = replace(bundle, kind="no_quantity")
    assert explain_match(without) == ("Not written to: A is a bundle, and how many of it there are is not known yet.")
    assert explain_match(replace(without, lacks="P")) == (
        "Not written to: A is a bundle, and Prokip tells no quantity of its part P."
    )
    assert "The last write was refused: too many." in explain_match(replace(MATCHED, reason="too many"))
