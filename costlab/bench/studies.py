"""The studies that come with costlab, as data.

Knows neither a device nor what anything costs. A convolution is measured at the grids and widths at
which Inception-v3 has it, or what replaces it, without a stride (those with one are the grid
reductions):

- 5×5 at 35×35, at the widths that its 5×5 and 3×3 there read and write; it has no other 5×5.
- 3×3, against 3×1 and 1×3, at the widths that 3×3, 3×1 or 1×3 read: 64 and 96 at 35×35, 384 and
  448 at 8×8; at 17×17 it is 192, that of the whole branch, as the network's own 3×3 there reduce.
- 7×7 at the widths of its 1×7 and 7×1 at 17×17; the 7×7 itself it nowhere has.
- 2×2, which it has nowhere, where the same 3×3 is measured; not at 8×8, where what an even patch
  pads, a row and a column, is a fifth of what it reads.

Both sides read and write the same width, as in the paper's sums: its 5×5 of 48 that writes 64 is
one of 48 here, and one of 64.

Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision"
(arXiv:1512.00567), §3 for the factorizations, §5 for the grid reductions.
"""

from __future__ import annotations

from dataclasses import replace

from costlab.bench.study import Axes, Pair, Study, Subject

EVERYTHING = Axes(
    batches=(1, 32, 256),
    precisions=("bf16", "tf32", "fp16", "fp32"),
    layouts=("nhwc", "nchw"),
    finishes=("bn_relu", "bias_relu", "bare"),
    regimes=("cold",),
    arms=("eager", "graph", "compile", "compile-autotune", "cudnn-fused", "ours"),
)
"""Every combination, the most telling values first, as a run may end before the last."""
WHOLE = Axes(
    batches=(1, 32, 256),
    precisions=("bf16", "tf32", "fp16", "fp32"),
    layouts=("nhwc", "nchw"),
    finishes=("bn_relu",),
    arms=("eager", "graph", "compile", "compile-autotune"),
)
"""Axes of what has a finish of its own, and of which the first arm is the baseline."""


QUICK = Axes(batches=(1,), precisions=("fp32",), arms=("eager", "compile"), by_arm=True)
"""A short look that any machine can take: single images in float32, the cheapest pair first."""
ALONE = replace(QUICK, arms=("eager",))
"""The same, of what is compared with itself, as it is written: to compile a block or a network
takes longer than a short look where others use the machine."""


def _convolutions(title: str, home: str, width: int, grid: int) -> Subject:
    """A factorization of the zoo, at a width and a grid."""
    place = f"{grid}x{grid}x{width}"
    return Subject(
        f"{title}, {place}", f"{home}(inputs={width})", (width, grid, grid), takes_finish=True
    )


def _factorized(
    large: tuple[str, str], small: tuple[str, str], *places: tuple[int, int]
) -> tuple[Pair, ...]:
    """A convolution and what stands in for it, at grids and widths."""
    return tuple(
        Pair(
            f"{large[0]} → {small[0]}, {grid}x{grid}x{width}",
            variant=_convolutions(*small, width, grid),
            baseline=_convolutions(*large, width, grid),
        )
        for grid, width in places
    )


C5X5, C3X3, C7X7 = ("5x5", "conv5x5"), ("3x3", "conv3x3"), ("7x7", "conv_nxn")

FACTORIZATIONS = Study(
    name="factorizations",
    title="What a factorized convolution saves",
    pairs=(
        *_factorized(C5X5, ("3x3 3x3", "two_3x3"), (35, 64), (35, 96), (35, 48)),
        *_factorized(
            C3X3, ("3x1 1x3", "pair_3x1_1x3"), (35, 64), (35, 96), (17, 192), (8, 384), (8, 448)
        ),
        *_factorized(C7X7, ("1x7 7x1", "pair_1xn_nx1"), (17, 192), (17, 160), (17, 128)),
        *_factorized(C3X3, ("2x2 2x2", "two_2x2"), (35, 64), (35, 96), (17, 192)),
    ),
    axes=EVERYTHING,
    quick=replace(
        QUICK,
        pairs=("3x3 → 3x1 1x3, 35x35x64", "5x5 → 3x3 3x3, 35x35x48", "7x7 → 1x7 7x1, 17x17x128"),
    ),
)


def _reduced(grid: int, half: int, inputs: int, outputs: int) -> tuple[Pair, ...]:
    """The three ways to reduce a grid (§5), each against each that §5 sets it against."""

    def way(title: str, home: str) -> Subject:
        source = f"{home}(inputs={inputs}, outputs={outputs})"
        return Subject(f"{title}, {place}", source, (inputs, grid, grid), takes_finish=True)

    def pair(baseline: Subject, variant: Subject) -> Pair:
        from_, to = baseline.name.split(",")[0], variant.name.split(",")[0]
        return Pair(f"{from_} → {to}, {place}", variant, baseline)

    place = f"{grid}x{grid}x{inputs} to {half}x{half}x{outputs}"
    conv_first = way("conv then pool", "reduction_conv_first")
    pool_first = way("pool then conv", "reduction_pool_first")
    parallel = way("parallel", "reduction_parallel")
    return pair(conv_first, parallel), pair(pool_first, parallel), pair(conv_first, pool_first)


GRID_REDUCTION = Study(
    name="grid-reduction",
    title="What it costs to halve the grid and widen the filter banks",
    # 320 to 640 is what Figure 10 prints, 768 to 1280 what Inception-v3 has there.
    pairs=(*_reduced(35, 17, 320, 640), *_reduced(17, 8, 768, 1280)),
    axes=EVERYTHING,
    quick=replace(
        QUICK,
        pairs=(
            "pool then conv → parallel, 35x35x320 to 17x17x640",
            "conv then pool → parallel, 17x17x768 to 8x8x1280",
        ),
    ),
)

INCEPTION_V3_BLOCKS = (
    "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_3a", "Conv2d_3b_1x1",
    "Conv2d_4a_3x3", "MaxPool_5a", "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b",
    "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7a", "Mixed_7b", "Mixed_7c", "pool", "fc",
)  # fmt: skip
"""Every block that computes anything outside of training, in the order in which they run."""

BLOCKS = Study(
    name="blocks",
    title="Inception-v3, block by block",
    pairs=tuple(
        Pair(block, Subject(block, "inception_v3(aux=False)", (3, 299, 299), block=block))
        for block in INCEPTION_V3_BLOCKS
    ),
    axes=WHOLE,
    quick=replace(ALONE, pairs=("Mixed_5d", "Mixed_7c", "Mixed_6e")),
)

NETWORK_SIDES = {
    "inception_v3": 299,
    "googlenet": 224,
    "bn_inception": 224,
    "vgg16": 224,
    "inception_v4": 299,
    "inception_resnet_v2": 299,
    "resnet50": 224,
    "resnet152": 224,
    "prelu_net_c": 224,
    "alexnet": 227,
    "inception_resnet_v1": 299,
    "resnet18": 224,
    "resnet34": 224,
    "resnet101": 224,
    "vgg19": 224,
}
"""The networks that the papers compare, and the side of the images that they take.

One of each design and depth: what else the zoo has are readings of a paper, ports and models of a
few layers' difference, whose time is that of the one that stands here; `costlab bench NAME` takes
any of them. Those that Inception-v3 is compared with come first, as a run may end before the last.
"""


def _networks(*, training: bool) -> tuple[Pair, ...]:
    said = ", training step" * training
    return tuple(
        Pair(name + said, Subject(name + said, name, (3, side, side), training=training))
        for name, side in NETWORK_SIDES.items()
    )


NETWORKS = Study(
    name="networks",
    title="What whole networks take, each by itself",
    pairs=(*_networks(training=False), *_networks(training=True)),
    axes=WHOLE,
    quick=replace(ALONE, pairs=("alexnet", "googlenet")),
)

STUDIES = {study.name: study for study in (FACTORIZATIONS, GRID_REDUCTION, BLOCKS, NETWORKS)}
"""Every study by its name."""
