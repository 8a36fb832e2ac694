"""The ladder: readings of the rows of 3.8 and 4.8 billion, and what each of them contradicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.claims.ladder import LADDER, READINGS

if TYPE_CHECKING:
    from costlab.claims.document import Verdicts
    from costlab.claims.lab import Lab


def test_every_reading_says_what_it_contradicts(ladder: Verdicts) -> None:
    """None goes against nothing, and it names a place of the paper or another claim."""
    for rung in ladder.claims:
        assert len(rung.readings) == len(READINGS) > 12
        for reading in rung.readings:
            assert reading.contradicts, reading.name
            assert "nothing" not in reading.contradicts


def test_a_figure_is_met_only_against_the_text(ladder: Verdicts) -> None:
    """What meets 3.8 or 4.8 is another network, or padded where Table 1 is not."""
    met = {
        rung.printed: {
            (reading.name, reading.contradicts.partition(":")[0])
            for reading in rung.readings
            if reading.verdict == "holds"
        }
        for rung in ladder.claims
    }
    assert met == {
        "3.8 Bn": {
            ("BN-Inception at 299", "Table 1"),
            ("the released graph, all padded, at 224", "the caption of Table 1"),
        },
        "4.8 Bn": {("BN-Inception at 299, three 3×3 of 32, 64, 64", "Table 1")},
    }


def test_the_released_graph_comes_first(ladder: Verdicts) -> None:
    """It decides, and meets neither figure."""
    for rung in ladder.claims:
        assert rung.readings[0].computed == 5_713_216_096
        assert rung.verdict == rung.readings[0].verdict != "holds"


def test_both_rungs_hold_the_same_readings(ladder: Verdicts) -> None:
    """Only the figure differs, and it lies on the other side of some of them."""
    low, high = ladder.claims
    assert [one.computed for one in low.readings] == [one.computed for one in high.readings]
    assert [one.verdict for one in low.readings] != [one.verdict for one in high.readings]
    assert [claim.id for claim in LADDER.claims] == ["ladder-3.8", "ladder-4.8"]


def test_what_is_counted_besides(ladder: Verdicts, lab: Lab) -> None:
    """Batch-norm elements, biases and the side head come on top of the same multiply-adds."""
    computed = {one.name: one.computed for one in ladder.claims[0].readings}
    released = lab.report("inception_v3")
    written = sum(
        lab.graph("inception_v3").tensors[node.outputs[0]].spec.elements
        for node in lab.graph("inception_v3").nodes
        if node.op == "batch_norm"
    )
    whole = released.total.macs
    assert computed["the released graph, one operation per batch-norm element"] == whole + written
    assert computed["the released graph, with biases"] == whole + written + 1000
    head = lab.report("inception_v3", mode="train").block("AuxLogits").cost.macs
    assert head == 5 * 5 * 768 * 128 + 768 * 128 * 5 * 5 + 768 * 1000
    assert computed["the released graph, with the auxiliary classifier"] == whole + head
    binary = computed["the released graph, in units of 2³⁰"]
    assert isinstance(binary, float)
    assert round(binary / 10**9 * 2**30) == whole
