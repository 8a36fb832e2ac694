"""Modules and whole networks as launches, in Triton's interpreter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from costlab.bench.studies import INCEPTION_V3_BLOCKS
from tests.bench.kernels.conftest import LIMITS

if TYPE_CHECKING:
    from tests.bench.kernels.conftest import Ask

KINDS = ("Mixed_5b", "Mixed_6a", "Mixed_6b", "Mixed_7a", "Mixed_7b")
SMALL = "inception_v3(aux=False, width=0.05)"


@pytest.mark.parametrize(
    ("name", "finish"),
    [
        ("two_3x3", "bare"),
        ("pair_3x1_1x3", "bare"),
        ("pair_3x1_1x3", "bias_relu"),
        ("pair_3x1_1x3", "bn_relu"),
        ("pair_1xn_nx1", "bias_relu"),
        ("two_2x2", "bn_relu"),
    ],
)
def test_factorizations(interpreter: Ask, name: str, finish: str) -> None:
    """Two convolutions in series are one launch, whatever stands behind them."""
    found = interpreter(
        "module", source=f"{name}(inputs=6)", shape=(6, 4, 5), finish=finish, takes_finish=True
    )
    assert found["error"] < LIMITS["float32"]
    assert [launch.split(":")[0] for launch in found["launches"]] == ["series"]
    assert found["declined"] == []
    assert found["untouched"]


@pytest.mark.parametrize(
    ("block", "kinds"),
    [
        ("Mixed_5b", ["siblings", "one", "series", "torch", "one", "join"]),
        ("Mixed_6a", ["one", "one", "one", "reduction", "join"]),
        ("Mixed_6b", ["siblings", "series", "series", "series", "torch", "one", "join"]),
        ("Mixed_7a", ["siblings", "series", "one", "reduction", "join"]),
        (
            "Mixed_7b",
            ["siblings", "split", "join", "one", "split", "join", "torch", "one", "join"],
        ),
    ],
)
def test_blocks(interpreter: Ask, block: str, kinds: list[str]) -> None:
    """Each kind of module runs in the launches that it was made for; joining copies nothing new."""
    found = interpreter("module", source=SMALL, shape=(3, 75, 75), block=block)
    assert found["error"] < LIMITS["float32"]
    assert [launch.split(":")[0] for launch in found["launches"]] == kinds
    assert found["declined"] == []


def test_what_is_declined_runs_through_torch(interpreter: Ask) -> None:
    """Grouped convolutions are named, with why, and the result is right all the same."""
    found = interpreter("module", source="tests.bench.kernels.odd:partly", shape=(8, 6, 6))
    assert found["error"] < LIMITS["float32"]
    assert found["declined"] == ["grouped: it has 2 groups, and the kernels take one"]
    assert [launch.split(":")[0] for launch in found["launches"]] == ["one", "torch", "one"]


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("training", "no backward"),
        ("hooks", "has hooks of its own"),
        ("nchw", r"take nothing of this module: 0: its input is not channels last"),
        ("float64", r"0: of float64 by weights of float64"),
        ("grouped", r"2 groups"),
        ("another shape", "differ from those that the launches were chosen for"),
    ],
)
def test_what_is_refused(interpreter: Ask, kind: str, why: str) -> None:
    """A module of which nothing is taken, and other arguments than were prepared, are errors."""
    assert re.search(why, interpreter("refused", kind=kind))


@pytest.mark.parametrize("seed", range(40))
def test_networks_that_nobody_chose(interpreter: Ask, seed: int) -> None:
    """Values that are joined, joined again, read by several, written in place: as in torch."""
    found = interpreter("drawn", seed=seed)
    assert found["error"] < LIMITS["float32"]


def test_inception_v3(interpreter: Ask) -> None:
    """The network, its arms told by a table, gives what the plain one gives in float64.

    One module of each kind runs in our kernels; the others, and the stem, whose grids take the
    interpreter long, are left to torch.
    """
    names = [name for name in INCEPTION_V3_BLOCKS if name.startswith(("Conv", "Mixed"))]
    table = {name: "ours" if name in KINDS else "torch" for name in names}
    found = interpreter("inception", width=0.05, side=75, arms=table)
    assert found["error"] < 10 * LIMITS["float32"]  # ninety layers, each rounded
    assert found["untouched"]
    assert found["why"] == {}
    assert found["arms"] == table
    assert list(found["arms"]) == names


def test_a_sequence_by_hand(interpreter: Ask) -> None:
    """A layer with two names runs twice, and a linear layer reads what the one before it wrote."""
    assert interpreter("sequence", kind="plain") == {"equal": True}


@pytest.mark.parametrize("kind", ["class", "hook"])
def test_what_is_more_than_a_sequence(interpreter: Ask, kind: str) -> None:
    """A forward of its own, or a hook, would be left out; the network is refused."""
    assert re.search("is no sequence of blocks", interpreter("sequence", kind=kind)["refused"])


def test_blocks_choose(interpreter: Ask) -> None:
    """Where no table says it, each block takes the first arm that is right; the next copy the same.

    What is no sequence of blocks is refused, as its blocks do not say how they are joined.
    """
    found = interpreter("chosen")
    assert found["error"] < LIMITS["float32"]
    assert found["arms"] == found["again"] == {"first": "ours", "second": "torch"}
    assert found["declined"] == ["second: in torch"]
    assert found["made"] == 1
    assert re.search("Parallel is no sequence of blocks", found["refused"])
