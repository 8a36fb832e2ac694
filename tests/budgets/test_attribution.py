"""Why an operation costs more: each factor's part, and parts that always add up."""

from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from costlab import analyze
from costlab.blocks import OpTally
from costlab.budgets.attribution import attributed, causes_of

sizes = st.integers(1, 12)


@st.composite
def convolutions(draw: st.DrawFn) -> OpTally:
    """A convolution of two axes that is possible, counted as its rule counts it."""
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride, dilation = draw(st.tuples(sizes, sizes)), draw(st.tuples(sizes, sizes))
    padding = draw(st.one_of(st.integers(0, 3), st.tuples(st.integers(0, 3), st.integers(0, 3))))
    groups, batch, calls = draw(sizes), draw(st.integers(0, 3)), draw(sizes)
    channels = (groups * draw(sizes), groups * draw(sizes))
    pads = padding if isinstance(padding, tuple) else (padding, padding)
    reach = [spread * (width - 1) + 1 for spread, width in zip(dilation, kernel, strict=True)]
    # A grid that the patch fits into, with the padding.
    least = [max(1, size - 2 * pad) for size, pad in zip(reach, pads, strict=True)]
    grid = draw(st.tuples(*(st.integers(size, size + 30) for size in least)))
    out = [
        (size + 2 * pad - spread * (width - 1) - 1) // step + 1
        for size, pad, spread, width, step in zip(grid, pads, dilation, kernel, stride, strict=True)
    ]
    elements = calls * batch * channels[1] * prod(out)
    macs = elements * channels[0] // groups * prod(kernel)
    told = {
        "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation,
        "groups": groups, "channels": channels, "grid": grid,
    }  # fmt: skip
    for name in draw(st.sets(st.sampled_from(sorted(told)), max_size=2)):
        del told[name]  # calls that do not share it, or a report that does not tell
    return OpTally("conv2d", "convolution", calls, elements, macs, 2 * macs, 0, told)


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(),
    st.lists(st.integers(), max_size=3).map(tuple),
)  # fmt: skip
names = ["kernel", "stride", "padding", "dilation", "groups", "channels", "grid", "transposed"]
nonsense = st.builds(
    OpTally,
    st.just("conv2d"),
    st.sampled_from(["convolution", "linear", "matmul"]),
    *[st.integers(0, 10**30)] * 5,
    st.dictionaries(st.sampled_from(names), values),
)


@given(convolutions(), convolutions())
def test_the_parts_of_a_convolution_add_up(base: OpTally, head: OpTally) -> None:
    """Whatever changes between two convolutions, the parts sum to the exact difference."""
    parts = attributed(base, head)
    assert sum(part.macs for part in parts) == head.macs - base.macs
    assert len({part.text for part in parts}) == len(parts)


@given(nonsense, nonsense)
def test_the_parts_of_nonsense_add_up(base: OpTally, head: OpTally) -> None:
    """A document may say anything of an operation: nothing raises, and the parts add up."""
    assert sum(part.macs for part in attributed(base, head)) == head.macs - base.macs


@given(st.lists(nonsense, max_size=3), st.lists(nonsense, max_size=3))
def test_the_causes_of_a_block_add_up(base: list[OpTally], head: list[OpTally]) -> None:
    """Operations that come, go and change: together they make the difference."""
    before = {(op.op, op.family): op for op in base}.values()
    after = {(op.op, op.family): op for op in head}.values()
    found = causes_of(tuple(before), tuple(after))
    difference = sum(op.macs for op in after) - sum(op.macs for op in before)
    assert sum(cause.macs for cause in found) == difference


class Layer(torch.nn.Module):
    """A convolution as a function, so that each option can be told."""

    def __init__(self, channels: int, filters: int, kernel: int, **options: object) -> None:
        super().__init__()
        groups = options.get("groups", 1)
        assert isinstance(groups, int)
        self.weight = torch.nn.Parameter(torch.empty(filters, channels // groups, kernel, kernel))
        self.options = options

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The convolution."""
        made: torch.Tensor = F.conv2d(x, self.weight, None, **self.options)  # type: ignore[call-overload]  # any options
        return made


def told(
    base: tuple[int, ...], head: tuple[int, ...], spec: str = "f32[1,8,16,16]", **options: object
) -> list[tuple[str, int]]:
    """The parts between a plain layer, padded by one, and one with other sizes and options."""
    ops = [
        analyze(Layer(*base, padding=1), "f32[1,8,16,16]").root.ops,
        analyze(Layer(*head, **({"padding": 1} | options)), spec).root.ops,  # type: ignore[arg-type]  # any options
    ]
    return [(cause.text, cause.macs) for cause in causes_of(*ops)]


PLAIN = (8, 8, 3)
MACS = 16 * 16 * 8 * 8 * 9


@pytest.mark.parametrize(
    ("head", "options", "parts"),
    [
        ((8, 12, 3), {}, [("out channels 8 → 12", MACS // 2)]),
        ((8, 8, 5), {"padding": 2}, [("kernel 3×3 → 5×5", 16 * 16 * 8 * 8 * (25 - 9))]),
        ((8, 8, 1), {}, [("kernel 3×3 → 1×1", 18 * 18 * 8 * 8 - MACS)]),
        (PLAIN, {"stride": 2}, [("stride 1 → 2", MACS // 4 - MACS)]),
        (PLAIN, {"dilation": 2, "padding": 2}, [("dilation 1 → 2", 0)]),
        (PLAIN, {"padding": 0}, [("padding 1 → 0", (14 * 14 - 16 * 16) * 8 * 8 * 9)]),
        (PLAIN, {"groups": 8}, [("groups 1 → 8", MACS // 8 - MACS)]),
        (PLAIN, {"spec": "f32[1,8,8,8]"}, [("input 16×16 → 8×8", MACS // 4 - MACS)]),
        (PLAIN, {"spec": "f32[3,8,16,16]"}, [("batch 1 → 3", 2 * MACS)]),
        (
            (16, 8, 3),
            {"spec": "f32[1,16,16,16]", "stride": 2},
            [("in channels 8 → 16", MACS), ("stride 1 → 2", MACS // 2 - 2 * MACS)],
        ),
    ],
    ids=str,
)
def test_the_factor_is_named(
    head: tuple[int, ...], options: dict[str, str], parts: list[tuple[str, int]]
) -> None:
    """Each option of a convolution is named with its values, and what it alone changes."""
    assert told(PLAIN, head, **options) == parts


def test_a_wider_depthwise_convolution_is_wider() -> None:
    """Its groups grow with its channels, and are no cause of their own."""
    base = analyze(Layer(8, 8, 3, groups=8, padding=1), "f32[1,8,16,16]").root.ops
    head = analyze(Layer(12, 12, 3, groups=12, padding=1), "f32[1,12,16,16]").root.ops
    found = causes_of(base, head)
    assert [cause.text for cause in found] == [
        "in channels 8 → 12, groups as many",
        "out channels 8 → 12",
    ]
    assert [cause.macs for cause in found] == [0, 16 * 16 * 4 * 9]


def test_what_is_added_and_removed_is_named() -> None:
    """An operation in place of another is one cause; several are one each."""
    conv = OpTally(
        "conv2d", "convolution", 1, 8, 72, 144, 0, {"kernel": (3, 3), "channels": (1, 8)}
    )
    linear = OpTally("linear", "linear", 2, 8, 50, 100, 0, {"channels": (5, 5)})
    relu = OpTally("relu", "activation", 1, 8, 0, 8, 0)
    (one,) = causes_of((conv,), (linear,))
    assert one.text == "conv2d 3×3, 1 → 8 channels → 2 calls of linear, 5 → 5 channels"
    assert one.macs == 50 - 72
    assert [c.text for c in causes_of((), (conv, relu))] == [
        "conv2d 3×3, 1 → 8 channels added",
        "relu added",
    ]


def test_a_report_without_attributes_says_nothing_of_them() -> None:
    """A report that an older costlab saved differs in no option from one of today."""
    conv = OpTally(
        "conv2d", "convolution", 1, 8, 72, 144, 0, {"kernel": (3, 3), "channels": (1, 8)}
    )
    assert causes_of((conv._replace(attributes={}),), (conv,)) == ()
    assert causes_of((conv._replace(attributes={"kernel": (9, 1)}),), (conv,)) != ()
