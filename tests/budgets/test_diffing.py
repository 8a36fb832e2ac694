"""Two reports to their difference: what is matched, what changed and why, and that it adds up."""

from collections import OrderedDict

from torch import nn

from costlab import analyze
from costlab.budgets.diffing import difference
from tests.budgets.differing import IMAGE, between, chain, conv, report, said


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
