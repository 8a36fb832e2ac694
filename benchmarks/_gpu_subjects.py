"""What a GPU study compares besides the studies that come with costlab, as data.

Imports no torch. Knows neither arms nor in which order anything is measured.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from costlab.bench.studies import (
    BLOCKS,
    FACTORIZATIONS,
    GRID_REDUCTION,
    NETWORK_SIDES,
    NETWORKS,
)
from costlab.bench.study import Arm, Case, Pair, Side, Study, Subject

MEASURED_NETWORKS = (
    "inception_v3",
    "resnet50",
    "googlenet",
    "vgg16",
    "inception_v4",
    "inception_resnet_v2",
)
TRAINED = tuple(f"{name}, training step" for name in MEASURED_NETWORKS)


def _distinct(*subjects: Subject | None) -> tuple[Pair, ...]:
    return tuple(Pair(one.name, one) for one in dict.fromkeys(subjects) if one is not None)


SINGLE = _distinct(*(pair.baseline for pair in FACTORIZATIONS.pairs))
"""The one convolution that a factorization stands in for."""
FACTORIZED = _distinct(*(pair.variant for pair in FACTORIZATIONS.pairs))
REDUCED = _distinct(
    *(side for pair in GRID_REDUCTION.pairs for side in (pair.baseline, pair.variant))
)

ARM_AGAINST_ARM = Study(
    "arms",
    "The same convolutions in one arm against another",
    (*FACTORIZED, *SINGLE, *REDUCED),
    FACTORIZATIONS.axes,
)
"""A pair of sides that differ in nothing but what runs them; the first arm is the baseline."""

_SIBLINGS = ((35, 288, (64, 48, 64)), (17, 768, (192, 160, 160)), (8, 2048, (320, 384, 448)))
"""Grid, channels and filters of the 1x1 that read the input of Mixed_5d, Mixed_6c and Mixed_7c."""


def _merged(grid: int, inputs: int, filters: tuple[int, ...]) -> Pair:
    file = Path(__file__).with_name("_gpu_siblings.py")
    said = f"1x1 {' + '.join(map(str, filters))}"
    place = f"{grid}x{grid}x{inputs}"
    apart, merged = (
        Subject(
            f"{said}{how}, {place}", f"{file}:{name}({inputs}, {filters})", (inputs, grid, grid)
        )
        for how, name in (("", "Apart"), (" merged", "Merged"))
    )
    return Pair(f"{said} → merged, {place}", merged, apart)


SIBLINGS = Study(
    "siblings",
    "1x1 convolutions of one input merged into one",
    tuple(_merged(*sizes) for sizes in _SIBLINGS),
    FACTORIZATIONS.axes,
)

OTHERS_BLOCKS: dict[str, tuple[str, ...]] = {
    "resnet50": (
        *("conv1", "pool1", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv4_1", "conv4_2"),
        *("conv5_1", "conv5_2", "pool", "fc"),
    ),
    "googlenet": (
        *("conv1", "pool1", "norm1", "conv2", "norm2", "pool2", "inception_3a", "inception_3b"),
        *("pool3", "inception_4a", "inception_4b", "inception_4c", "inception_4d", "inception_4e"),
        *("pool4", "inception_5a", "inception_5b", "pool5", "fc"),
    ),
    "vgg16": (
        *("conv1_1", "conv1_2", "pool1", "conv2_1", "conv2_2", "pool2", "conv3_1", "conv3_2"),
        *("pool3", "conv4_1", "conv4_2", "pool4", "conv5_1", "pool5", "row5", "fc6", "fc7", "fc8"),
    ),
    "inception_v4": (
        *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Mixed_3a", "Mixed_4a", "Mixed_5a"),
        *("Mixed_5b", "Mixed_6a", "Mixed_6b", "Mixed_7a", "Mixed_7b", "pool", "fc"),
    ),
    "inception_resnet_v2": (
        *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_3a", "Conv2d_3b_1x1"),
        *("Conv2d_4a_3x3", "MaxPool_5a", "Mixed_5b", "block35_1", "Mixed_6a", "block17_1"),
        *("Mixed_7a", "block8_1", "Block8", "Conv2d_7b_1x1", "pool", "fc"),
    ),
}
"""The blocks of the other networks that compute anything; of equal ones the first alone."""


def _blocks(network: str, names: tuple[str, ...]) -> tuple[Pair, ...]:
    side = NETWORK_SIDES[network]
    return tuple(
        Pair(said, Subject(said, network, (3, side, side), block=name))
        for name in names
        for said in [f"{network}: {name}"]
    )


NETWORK_BLOCKS = Study(
    "network-blocks",
    "The other networks, block by block; of equal blocks the first",
    tuple(pair for item in OTHERS_BLOCKS.items() for pair in _blocks(*item)),
    BLOCKS.axes,
)


def twice(subject: Subject) -> Study:
    """A subject against itself."""
    return Study(
        "identical-arms",
        "An arm compared with itself: what differs is noise",
        (Pair(f"{subject.name}, twice", subject, subject),),
    )


def tiny_studies() -> tuple[Study, Study, Study, Study]:
    """The studies that come with costlab with models that a CPU runs in milliseconds."""
    shape = (64, 17, 17)
    large = Subject("5x5", "conv5x5(inputs=64)", shape, takes_finish=True)
    small = Subject("3x3 3x3", "two_3x3(inputs=64)", shape, takes_finish=True)
    image, source = (3, 75, 75), "inception_v3(aux=False, width=0.05)"
    network = Subject("inception_v3", source, image)
    trained = replace(small, name="3x3 3x3, training step", training=True)
    block = Subject("Mixed_5b", source, image, block="Mixed_5b")
    pair = Pair("5x5 → 3x3 3x3, 17x17x64", small, large)
    return (
        replace(FACTORIZATIONS, pairs=(pair,)),
        replace(GRID_REDUCTION, pairs=(replace(pair, name="5x5 → 3x3 3x3, again"),)),
        replace(BLOCKS, pairs=(Pair(block.name, block),)),
        replace(NETWORKS, pairs=tuple(Pair(one.name, one) for one in (network, trained))),
    )


def looked_at(name: str, arm: Arm, batch: int) -> Case | None:
    """A factorization whose kernels are looked at and not timed; None without a baseline.

    Its input does not rotate: neither the choice of a kernel nor what it does depends on it.
    """
    pair = next(pair for pair in FACTORIZATIONS.pairs if pair.name == name)
    if pair.baseline is None:
        return None
    sides = Side(pair.baseline, arm), Side(pair.variant, arm)
    return Case(FACTORIZATIONS.name, name, *sides, batch, "bf16", "nhwc", "bn_relu", "warm")
