"""Any difference adds up: of networks of the zoo, and of any two trees of blocks."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.blocks import Block, OpTally
from costlab.budgets.difference import Difference
from costlab.budgets.diffing import difference
from costlab.cost import Cost
from costlab.errors import DocumentError
from costlab.report import Covered, Report, Total
from tests.budgets.differing import adds_up, between, chain, conv, report

REAL = [
    ("inception_v3", "inception_v3(width=2)"),
    ("inception_v3", "inception_v3_table1"),
    ("inception_v3", "inception_v3_five"),
    ("resnet50", "resnet50_v1"),
    ("vgg16", "vgg19"),
    ("vgg16", "resnet50"),
]


@pytest.mark.parametrize("pair", REAL, ids=" ".join)
def test_real_networks_add_up(pair: tuple[str, str]) -> None:
    """Between any two networks, in both directions, all of the change is attributed."""
    base, head = map(report, pair)
    there, back = difference(base, head), difference(head, base)
    for found in (there, back):
        adds_up(found)
        assert Difference.from_dict(json.loads(found.to_json())) == found
        assert not found.is_same
    assert there.totals["macs"].amount == head.total.macs - base.total.macs
    assert there.totals["macs"].amount == -back.totals["macs"].amount


@pytest.mark.parametrize("name", ["inception_v3", "resnet50", "vgg16"])
def test_a_network_is_the_same_as_itself(name: str) -> None:
    """Nothing changed: no block is left over, and the headline says so; saved and loaded too."""
    found = difference(report(name), Report.from_dict(json.loads(report(name).to_json())))
    assert found.is_same
    assert found.blocks == ()
    assert found.headline.startswith("No difference: ")


ops = st.lists(
    st.builds(
        OpTally,
        st.sampled_from(["conv2d", "linear", "relu"]),
        st.just("convolution"),
        st.integers(0, 3),
        st.integers(0, 9),
        st.integers(0, 9),
        st.just(0),
        st.just(0),
        st.sampled_from([{}, {"kernel": (1, 1)}, {"kernel": (3, 3)}]),
    ),
    max_size=2,
    unique_by=lambda op: op.op,
).map(tuple)


drawn = st.recursive(
    st.tuples(st.sampled_from("AB"), ops, st.just(())),
    lambda below: st.tuples(
        st.sampled_from("AB"),
        ops,
        st.dictionaries(st.sampled_from([*"abcd", *"0123"]), below, max_size=4).map(
            lambda named: tuple(named.items())
        ),
    ),
    max_leaves=12,
)


def built(drawn_block: Any, path: str = "") -> Block:
    """A block of what was drawn, with costs that its operations have, or not quite."""
    kind, found, below = drawn_block
    children = tuple(built(child, f"{path}.{name}".removeprefix(".")) for name, child in below)
    macs = sum(op.macs for op in found)
    own = Cost(macs, 2 * macs, len(found), 0, 1, 0)
    return Block(path, kind, own, children, 1, (), found)


def made(root: Block) -> Report:
    """A report on a tree of blocks."""
    cost = root.cost
    macs, flops, params, executed, activations, _ = cost
    total = Total(macs, flops, params, executed, activations, 0, 0, 0)
    return Report("net", "eval", (), total, Covered(0, 0), root, {})


@given(drawn.map(built), drawn.map(built))
def test_any_two_trees_add_up(base: Block, head: Block) -> None:
    """Whatever is renamed, moved, added, removed or nested: all adds up, and survives the file."""
    found = difference(made(base), made(head))
    adds_up(found)
    assert Difference.from_dict(found.to_dict()) == found
    heads = [change.path for change in found.walk() if change.change != "removed"]
    assert len(set(heads)) == len(heads), "a block has one change"


@given(drawn.map(built))
def test_any_tree_is_the_same_as_itself(root: Block) -> None:
    """Nothing is left over of a tree that did not change."""
    found = difference(made(root), made(root))
    assert found.is_same
    assert found.blocks == ()


def test_a_block_change_can_be_damaged() -> None:
    """The sums above can fail: a cause that says too much is found when the document is read."""
    found = between(chain(a=conv()), chain(a=conv(12))).to_dict()
    found["blocks"][0]["causes"][0]["macs"] += 1
    with pytest.raises(DocumentError, match="come to"):
        Difference.from_dict(found)
