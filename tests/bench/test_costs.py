"""What subjects cost: against reports, torch's own counter, and work by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from costlab import Report, analyze, sources
from costlab.bench.costs import price
from costlab.bench.studies import BLOCKS, FACTORIZATIONS
from costlab.bench.study import Case, Finish, Precision, Side, Subject
from costlab.bench.subjects import build
from costlab.errors import UsageError
from tests.bench.work_by_hand import convolutions

if TYPE_CHECKING:
    from costlab.bench.work import Costs, Kind

# torch says once a process that an even patch may copy its input to pad it; it is meant to here.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

IMAGE = (3, 299, 299)


def priced(
    subject: Subject, batch: int = 1, finish: Finish = "bare", precision: Precision = "bf16"
) -> Costs:
    """What a subject costs; neither arm nor layout matters."""
    side = Side(subject, "eager")
    return price(subject, Case("", "", side, side, batch, precision, "nhwc", finish, "cold"))


def factorization(name: str, width: int, grid: int, *, training: bool = False) -> Subject:
    """A factorization of the zoo."""
    source = f"{name}(inputs={width})"
    shape = (width, grid, grid)
    return Subject(name, source, shape, takes_finish=True, training=training)


def reported(source: str, spec: str) -> Report:
    """What `costlab report` says."""
    return analyze(sources.find(source).build(), spec, mode="eval")


@pytest.mark.parametrize("finish", ["bare", "bn_relu"])
@pytest.mark.parametrize(
    ("name", "patches", "grid", "width"),
    [
        ("conv5x5", "5x5", 35, 64),
        ("two_3x3", "3x3 3x3", 35, 48),
        ("pair_3x1_1x3", "3x1 1x3", 8, 384),
        ("pair_1xn_nx1", "1x7 7x1", 17, 160),
    ],
)
def test_the_work_is_that_by_hand(
    name: str, patches: str, grid: int, width: int, finish: Finish
) -> None:
    """Traced, a factorization is the products and passes that its equations say."""
    found = priced(factorization(name, width, grid), batch=32, finish=finish)
    by_hand = convolutions(patches, grid, width, 32, finished=finish == "bn_relu")
    assert found.products == by_hand.products
    assert found.passes == by_hand.passes
    assert (found.macs, found.bytes) == (by_hand.macs, by_hand.bytes)


def test_the_counts_are_those_of_the_report() -> None:
    """In float32 a subject costs what the report says of the same input, to the digit."""
    found = priced(Subject("", "inception_v3", IMAGE), batch=2, precision="fp32")
    total = reported("inception_v3", "f32[2,3,299,299]").total
    assert found.macs == total.macs
    assert found.params == total.params
    assert found.activations == total.activations
    assert found.bytes == total.bytes
    assert found.bytes == found.moved + 4 * 1000  # the classifier's bias, which no pass adds


def test_the_passes_of_inception_v3() -> None:
    """It has 94 normalizations and ReLUs, 14 poolings, 15 concatenations, and 95 products."""
    found = priced(Subject("", "inception_v3", IMAGE))
    kinds: tuple[Kind, ...] = ("normalization", "activation", "pooling", "cat")
    assert [len(found.of(kind)) for kind in kinds] == [94, 94, 14, 15]
    assert len(found.passes) == 94 + 94 + 14 + 15
    assert len(found.products) == 95
    assert [one.product for one in found.of("activation")] == list(range(94))
    # Branches end in a ReLU or a pooling, but for those of Mixed_7b and 7c that split in two.
    assert sum(one.placed == one.writes for one in found.of("cat")) == 15 - 2


def test_half_the_bytes() -> None:
    """A type of two bytes moves half of what float32 does, and computes as much."""
    single, half = (
        priced(Subject("", "googlenet", (3, 224, 224)), precision=precision)
        for precision in ("fp32", "fp16")
    )
    assert single.bytes == 2 * half.bytes
    assert single.macs == half.macs
    assert [one.moved for one in single.products] == [2 * one.moved for one in half.products]
    assert [one.reads for one in single.passes] == [2 * one.reads for one in half.passes]


def test_the_blocks_make_up_the_network() -> None:
    """The blocks of the study `blocks` cost, together, what Inception-v3 costs."""
    blocks = [priced(pair.variant) for pair in BLOCKS.pairs]
    whole = priced(Subject("", "inception_v3(aux=False)", IMAGE))
    assert sum(block.macs for block in blocks) == whole.macs
    assert sum(block.params for block in blocks) == whole.params
    assert sum(block.bytes for block in blocks) == whole.bytes
    assert sum(len(block.passes) for block in blocks) == len(whole.passes)
    # A block does not know which convolution of another block it follows.
    alone = [replace(one, after=None, between=0) for one in whole.products]
    assert [replace(one, after=None, between=0) for b in blocks for one in b.products] == alone


def test_a_block_is_not_its_namesakes() -> None:
    """A block holds what is in it, not what is in one whose name begins like its own."""
    subject = Subject("", "inception_v3", IMAGE, block="Mixed_6b.branch7x7")
    found = priced(subject)
    report = reported("inception_v3", "f32[1,3,299,299]")
    assert found.macs == sum(one.macs for one in found.products)
    assert found.macs == report.block("Mixed_6b.branch7x7").cost.macs


def test_no_such_block() -> None:
    """A block that is not there is refused, and the nearest one named."""
    with pytest.raises(UsageError, match=r"no block 'Mixed_6f'.* Did you mean Mixed_6\w"):
        priced(Subject("", "inception_v3", IMAGE, block="Mixed_6f"))


def test_a_bias_is_a_pass_of_its_own() -> None:
    """With bias and ReLU, each convolution has two passes, one behind the other."""
    found = priced(factorization("two_3x3", 64, 35), finish="bias_relu")
    written = 2 * 35 * 35 * 64
    assert [one.kind for one in found.passes] == ["bias", "activation"] * 2
    assert [one.product for one in found.passes] == [0, 0, 1, 1]
    assert [one.joins for one in found.passes] == [None, 0, None, 2]
    assert found.passes[0].reads == written + 2 * 64
    assert {one.writes for one in found.passes} == {written}


class Called(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch annotates no such hook
    """Writes down the operations that torch runs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """What the operation returns."""
        del types
        self.names.append(str(func.overloadpacket))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["two_2x2", "conv3x3", "pair_3x1_1x3"])
def test_padding_one_side_is_a_copy(name: str) -> None:
    """Two 2×2 that keep their grid copy their input to pad it, as torch does; no odd patch does."""
    subject = factorization(name, 8, 6)
    found = priced(subject)
    padded = found.of("padding")
    with torch.device("meta"):
        model, x = sources.find(subject.source).build(), torch.empty(1, 8, 6, 6)
    with Called() as called, torch.no_grad():
        model(x)
    assert len(padded) == called.names.count("aten.constant_pad_nd")
    assert len(padded) == (2 if name == "two_2x2" else 0)
    assert {(one.reads, one.writes) for one in padded} <= {(2 * 8 * 6 * 6, 2 * 8 * 7 * 7)}


@pytest.mark.parametrize(
    ("source", "shape"),
    [
        ("two_3x3(inputs=8)", (8, 9, 9)),
        ("resnet18", (3, 64, 64)),
        ("googlenet", (3, 224, 224)),
        ("alexnet_ungrouped", (3, 227, 227)),
    ],
)
def test_the_products_of_a_step(source: str, shape: tuple[int, ...]) -> None:
    """A training step multiplies and adds as often as torch's counter sees it do."""
    with torch.device("meta"):
        model, x = sources.find(source).build().train(), torch.empty(2, *shape)
    for parameter in model.parameters():
        assert parameter.requires_grad
    with FlopCounterMode(display=False) as counter:
        result = model(x)
        outputs = [result] if isinstance(result, torch.Tensor) else list(result)
        torch.stack([one.sum() for one in outputs]).sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    found = priced(Subject("", source, shape, training=True), batch=2)
    assert 2 * found.macs == counter.get_total_flops()
    assert found.macs == sum(one.macs for one in found.products)


def test_the_bytes_of_a_step() -> None:
    """Two convolutions, trained: five products, each pass there and back, and the update."""
    subject = factorization("two_3x3", 64, 35, training=True)
    found = priced(subject, finish="bn_relu")
    forward = priced(factorization("two_3x3", 64, 35), finish="bn_relu")
    # The input of the first wants no gradient.
    assert [one.tiled for one in found.products] == [True, True, False, False, False]
    # A normalization also counts its batches, one number each.
    counted = found.of("elementwise")
    half, single = 2 * forward.params, 4 * forward.params
    # Of weights and of their gradients, for products in half precision; they are kept in float32.
    casts = [(one.reads, one.writes) for one in counted[2:]]
    assert [one.moved for one in counted[:2]] == [2 * 8] * 2
    assert casts == [(single, half), (half, single)]
    passes = [one for one in found.passes if one not in counted]
    kinds = [one.kind for one in passes]
    layer = ["normalization", "activation"]
    assert kinds == [*layer, *layer, *layer[::-1], *layer[::-1], "optimizer"]
    assert passes[-1].moved == (3 + 2) * single
    for there, back in zip(passes[:4], passes[7:3:-1], strict=True):
        assert (back.reads, back.writes) == (there.moved, there.reads)
    # Statistics are of all that a normalization reads: it can finish no product, nor join a pass.
    normalizations = found.of("normalization")[:2]
    assert all(one.product is None and one.joins is None for one in normalizations)
    assert found.bytes == found.moved > 2 * forward.bytes


@pytest.mark.parametrize("pair", FACTORIZATIONS.pairs, ids=lambda pair: pair.name)
def test_what_the_factorizations_promise(pair: Any) -> None:
    """The multiply-adds that are saved are the paper's 28, 33, 11 and 5/7, at any width (§3)."""
    promised = {"3x3 3x3": 18 / 25, "3x1 1x3": 6 / 9, "2x2 2x2": 8 / 9, "1x7 7x1": 2 / 7}
    after = pair.variant.name.split(",")[0]
    assert priced(pair.variant).macs / priced(pair.baseline).macs == promised[after]


@pytest.mark.parametrize("block", ["Mixed_5b", "Mixed_6a", "Mixed_6b", "Mixed_7a", "Mixed_7b"])
def test_pairs_are_those_that_the_kernels_take(block: str) -> None:
    """The model computes as one what `kernels.units` makes one launch of, and nothing else."""
    pytest.importorskip("triton")
    from torch import fx

    from costlab.bench.kernels.units import groups_of, units_of
    from costlab.bench.kernels.values import tensors_of
    from costlab.bench.roofline import kernels_of

    subject = Subject("", "inception_v3(aux=False, width=0.1)", IMAGE, block=block)
    built = build(subject, "bn_relu", 1, 0)
    traced = fx.symbolic_trace(built.module)
    found = tensors_of(traced, built.example[0])
    shapes = {name: about.shape for name, about in found.items()}
    taken = groups_of(traced, list(units_of(traced, shapes)), shapes)
    series = sum(group.kind == "series" for group in taken)
    kernels = kernels_of(priced(subject), "ours")
    assert sum(len(kernel) == 2 for kernel in kernels) == series
