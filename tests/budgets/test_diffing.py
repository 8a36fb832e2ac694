"""Two reports to their difference: what is matched, what changed and why, and that it adds up."""

import json
from collections import OrderedDict
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from costlab import analyze
from costlab.blocks import Block, OpTally
from costlab.budgets.difference import Difference
from costlab.budgets.diffing import difference
from costlab.cost import METRICS, Cost
from costlab.errors import DocumentError
from costlab.report import Covered, Report, Total
from costlab.sources import find

IMAGE = "f32[1,8,16,16]"
REAL = [
    ("inception_v3", "inception_v3(width=2)"),
    ("inception_v3", "inception_v3_table1"),
    ("inception_v3", "inception_v3_five"),
    ("resnet50", "resnet50_v1"),
    ("vgg16", "vgg19"),
    ("vgg16", "resnet50"),
]


@cache
def report(name: str) -> Report:
    """The report of a network of the zoo."""
    source = find(name)
    return analyze(source.build(), source.inputs, mode="eval", name=name)


def conv(filters: int = 8, kernel: int = 3, channels: int = 8) -> nn.Module:
    """A convolution that keeps its grid."""
    return nn.Conv2d(channels, filters, kernel, padding=kernel // 2)


def chain(**layers: nn.Module) -> nn.Module:
    """Layers in series, by name."""
    return nn.Sequential(OrderedDict(layers))


def between(base: nn.Module, head: nn.Module) -> Difference:
    """The difference of two models on an image; all that adds up is checked."""
    found = difference(*(analyze(model, IMAGE, mode="eval") for model in (base, head)))
    adds_up(found)
    return found


def adds_up(found: Difference) -> None:
    """Causes come to the change of their block, and blocks to that of the total."""
    for change in found.walk():
        assert sum(cause.macs for cause in change.causes) == change.deltas["macs"].amount
    for metric in METRICS:
        told = sum(change.deltas[metric].amount for change in found.blocks)
        assert told == found.totals[metric].amount, metric


def said(found: Difference) -> dict[str, tuple[str, list[str]]]:
    """The kind of each change, and its causes in words, by path."""
    return {c.path: (c.change, [cause.text for cause in c.causes]) for c in found.walk()}


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


def test_a_smaller_kernel_in_a_renamed_branch() -> None:
    """In Inception-v3 of Table 1 the 5×5 of the first modules is a 3×3, and so is its branch."""
    changes = difference(report("inception_v3"), report("inception_v3_table1")).walk()
    branch = {change.path: change for change in changes}["Mixed_5d.branch3x3"]
    assert branch.base_path == "Mixed_5d.branch5x5"
    assert [c.text for c in branch.causes] == ["kernel 5×5 → 3×3"]
    assert branch.deltas["macs"].amount == 35 * 35 * 48 * 64 * (9 - 25)


def test_only_the_layers_that_vgg19_has_more() -> None:
    """Three convolutions are added; all others are the same, and left out."""
    found = difference(report("vgg16"), report("vgg19"))
    assert [(c.path, c.change) for c in found.blocks if c.path] == [
        ("conv3_4", "added"), ("conv4_4", "added"), ("conv5_4", "added"),
    ]  # fmt: skip


def test_the_stride_of_resnet() -> None:
    """resnet50 has its strides in the 3×3, resnet50_v1 in the 1×1 before it, and that is all."""
    found = difference(report("resnet50"), report("resnet50_v1"))
    leaves = [change for change in found.walk() if not change.children]
    texts = {cause.text for leaf in leaves for cause in leaf.causes if cause.macs}
    assert "stride 1 → 2" in texts
    assert "stride 2 → 1" in texts
    assert found.totals["params"].amount == 0


def test_a_replacement_is_told_as_one() -> None:
    """A 7×7 whose place a 1×7 and a 7×1 take: one cause, with what it saves in all."""
    small = chain(
        narrow=nn.Conv2d(8, 8, (1, 7), padding=(0, 3)), tall=nn.Conv2d(8, 8, (7, 1), padding=(3, 0))
    )
    found = between(chain(branch=chain(conv=conv(kernel=7))), chain(branch=small))
    branch = found.blocks[0]
    assert [(c.text, c.macs) for c in branch.causes] == [
        ("7×7 → 1×7 + 7×1", 16 * 16 * 8 * 8 * (14 - 49))
    ]
    assert found.headline.endswith("All of it is in branch: 7×7 → 1×7 + 7×1.")


def test_a_renamed_block_is_renamed() -> None:
    """A block with another name costs what it did: nothing is added or removed."""
    found = between(chain(a=conv(), b=conv(16)), chain(a=conv(), last=conv(16)))
    assert said(found) == {"last": ("renamed", [])}
    assert found.blocks[0].base_path == "b"
    assert found.is_same
    assert "1 renamed" in found.headline


def test_a_renamed_parent_is_renamed_once() -> None:
    """What is below a renamed parent is the same, though every path is another."""
    found = between(chain(old=chain(a=conv(), b=conv())), chain(new=chain(a=conv(), b=conv())))
    assert said(found) == {"new": ("renamed", [])}
    assert found.is_same


def test_a_renamed_parent_with_a_change_inside() -> None:
    """Most of it is still there, so it is the same block: renamed, and changed in one place."""
    old = chain(a=conv(), b=conv(), c=conv(), d=conv(4))
    new = chain(a=conv(), b=conv(), c=conv(), d=conv(6))
    found = between(chain(old=old), chain(new=new))
    assert said(found) == {
        "new": ("changed", ["out channels 4 → 6"]),
        "new.d": ("changed", ["out channels 4 → 6"]),
    }
    assert found.blocks[0].base_path == "old"


def test_a_block_that_is_renamed_and_widened() -> None:
    """A layer of the same work under another name is that layer, wider."""
    found = between(chain(a=conv(kernel=1), b=conv(8)), chain(a=conv(kernel=1), wide=conv(12)))
    assert said(found) == {"wide": ("changed", ["out channels 8 → 12"])}


def test_swapped_blocks_have_changed() -> None:
    """Two blocks that swap their names each cost something else, and nothing in total."""
    found = between(chain(a=conv(kernel=3), b=conv(kernel=5)), chain(a=conv(kernel=5), b=conv()))
    assert {path: change for path, (change, _) in said(found).items()} == {
        "a": "changed", "b": "changed",
    }  # fmt: skip
    assert not found.is_same
    assert found.totals["macs"].amount == 0
    assert "2 changed within" in found.headline


def test_a_layer_more_in_a_numbered_series() -> None:
    """Numbers are no names: one layer more at the front, and all others are only renumbered."""
    base = nn.Sequential(conv(), nn.ReLU(), conv(16), nn.ReLU())
    head = nn.Sequential(conv(kernel=5), conv(), nn.ReLU(), conv(16), nn.ReLU())
    found = between(base, head)
    kinds = [(c.path, c.change, c.base_path) for c in found.blocks]
    assert kinds == [
        ("0", "added", ""), ("1", "renamed", "0"), ("2", "renamed", "1"), ("3", "renamed", "2"),
        ("4", "renamed", "3"),
    ]  # fmt: skip


def test_a_wider_numbered_series_is_wider() -> None:
    """Where no layer is as it was, those of the same work in the same order are the same."""
    found = between(
        nn.Sequential(conv(), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 5)),
        nn.Sequential(conv(12), nn.BatchNorm2d(12), nn.ReLU(), conv(8, 5, 12)),
    )
    assert {c.path: c.change for c in found.blocks} == dict.fromkeys("0123", "changed")


def test_a_block_that_moved_into_another() -> None:
    """A layer that gets a parent is that layer: its cost leaves one place for the other."""
    found = between(
        chain(first=conv(kernel=5), last=conv(16)),
        chain(stem=chain(first=conv(kernel=5), more=conv(kernel=1)), last=conv(16)),
    )
    told = said(found)
    assert told["stem.first"] == ("renamed", [])
    assert told["stem"][0] == "added"
    assert told[""] == ("changed", ["first moved to stem.first"])
    assert found.totals["macs"].amount == 16 * 16 * 8 * 8


def test_a_block_that_moved_out_of_another() -> None:
    """And back: what is left of the parent is removed, and the layer is not."""
    found = between(
        chain(stem=chain(first=conv(kernel=5), more=conv(kernel=1)), last=conv(16)),
        chain(first=conv(kernel=5), last=conv(16)),
    )
    told = said(found)
    assert told["first"] == ("renamed", [])
    assert told["stem"][0] == "removed"


def test_another_class_is_only_a_name() -> None:
    """A class that is renamed changes no count, so the two are the same."""

    class Another(nn.Sequential):
        pass

    found = between(chain(a=chain(b=conv())), chain(a=Another(OrderedDict(b=conv()))))
    assert said(found) == {"a": ("renamed", ["class Sequential → Another"])}
    assert found.is_same


def test_what_makes_two_reports_incomparable_is_said() -> None:
    """Another mode, another input, an unknown operation: a warning each."""
    base = analyze(nn.Conv2d(8, 8, 1), IMAGE, mode="eval", name="a")
    head = analyze(nn.Conv2d(8, 8, 1), "f32[2,8,16,16]", mode="train", name="b")
    assert difference(base, head).warnings == (
        "a is in eval mode, b in train mode",
        "the inputs differ: f32[1,8,16,16] → f32[2,8,16,16]",
    )


# ---- any trees -------------------------------------------------------------------------------

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
