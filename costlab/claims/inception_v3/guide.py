"""What only the guide claims: of GoogLeNet, Inception-v4 and the Inception-ResNets."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.bounds import about, above, between, exactly, printed, same
from costlab.claims.inception_v3.convolutions import pooled_then_projected, sides_of_patches
from costlab.claims.inception_v3.structure import grids_reduced
from costlab.claims.inception_v3.successors import (
    MODULES,
    alike,
    module_kinds,
    pooling_blocks,
    pooling_share,
    restored,
    scales,
    stems,
    widest,
)
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import closed, excess, grid, net, ratio

if TYPE_CHECKING:
    from costlab.claims.lab import Lab

V3, V4 = net("inception_v3"), net("inception_v4")
V1_NAME, V2_NAME, FIGURES = (
    "inception_resnet_v1",
    "inception_resnet_v2",
    "inception_resnet_v2_figures",
)
RESNET_V1, RESNET_V2 = net(V1_NAME), net(V2_NAME)
CONV_5X5 = net("conv5x5")
OF_TORCHVISION = "GoogLeNet's own Table 1; these are the weights that torchvision adopted"
OF_64 = net("conv3x3", inputs=64, shape=(64, 35, 35))
ONE_1X1 = net("conv_nxn", inputs=64, n=1, shape=(64, 35, 35))
POOLINGS = frozenset({"max_pool2d", "avg_pool2d", "adaptive_avg_pool2d"})
ALL_FIVE = (*(f"InceptionResNet{letter}" for letter in MODULES), "ReductionA", "ReductionB")


def googlenet_counts(lab: Lab) -> Finding:
    """Modules, weight layers on the longest path, and these with the poolings between them."""
    report = lab.report("googlenet")
    modules = [block.path for block in report.blocks if "inception" in block.path]
    poolings = [block.path for block in report.blocks if any(op.op in POOLINGS for op in block.ops)]
    depth = report.total.depth
    return Finding(
        (len(modules), depth, depth + len(poolings)),
        f"{len(modules)} modules; {depth} weight layers, {len(poolings)} poolings between blocks: "
        f"{', '.join(poolings)}",
    )


GOOGLENET = (
    Claim(
        "G1",
        "GoogLeNet has 9 modules, 22 layers, 27 with the poolings",
        ("G Inception v1",),
        same((9, 22, 27), "9, 22, 27"),
        "series",
        (Reading("googlenet", googlenet_counts),),
    ),
    Claim(
        "G1b",
        "GoogLeNet ends in a global average pooling behind its last module",
        ("G Inception v1",),
        same((1024, 1, 1), "1×1 places"),
        "shape",
        (Reading("what pool5 writes", grid(net("googlenet"), "pool5")),),
    ),
    Claim(
        "G2",
        "A 5×5 is 2.78 times more expensive than a 3×3",
        ("G Inception v2", "S method"),
        printed("2.78"),
        "ratio",
        (
            Reading(
                "as expensive as so many", ratio(CONV_5X5, OF_64), closed(Fraction(25, 9), "25/9")
            ),
            Reading(
                "more, by so many times",
                excess(CONV_5X5, OF_64),
                contradicts="P §3.1 and S method, where 2.78 is the quotient 25/9",
            ),
        ),
    ),
    Claim(
        "G15",
        "1×1 convolutions are far cheaper than 5×5 (here: less than half)",
        ("G Inception v1",),
        above("2"),
        "ratio",
        (
            Reading(
                "one 5×5 over one 1×1 of as many filters",
                ratio(CONV_5X5, ONE_1X1),
                closed(Fraction(25), "25/1"),
            ),
        ),
    ),
    Claim(
        "G16",
        "In each module of GoogLeNet the 1×1 stands behind the pooling, not before it",
        ("G Inception v1",),
        same((9, 9), "9 of 9"),
        "of",
        (Reading("googlenet", pooled_then_projected),),
    ),
    Claim(
        "G17",
        "Each module has patches of three sizes: 1×1, 3×3 and 5×5",
        ("G Inception v1",),
        same((1, 3, 5), "1, 3, 5"),
        "series",
        (sides_of_patches("googlenet"), sides_of_patches("googlenet_torchvision", OF_TORCHVISION)),
    ),
)

SUCCESSORS = (
    Claim(
        "G3",
        "Inception-v4 and Inception-ResNet are made of modules A, B and C",
        ("G Inception v4", "G Inception-ResNet"),
        same((3, 3), "3 of 3"),
        "of",
        (module_kinds("inception_v4"), module_kinds(V1_NAME), module_kinds(V2_NAME)),
        joint=True,
    ),
    Claim(
        "G3b",
        "Reduction-A of Inception-ResNet is that of Inception-v4",
        ("G Inception-ResNet",),
        same((1, 1), "1 of 1"),
        "of",
        (
            alike("inception_v4", V1_NAME, "ReductionA"),
            alike("inception_v4", V2_NAME, "ReductionA"),
        ),
        joint=True,
    ),
    Claim(
        "G4",
        "Inception-ResNet-v1 costs about what Inception-v3 does",
        ("G Inception-ResNet",),
        about("1"),
        "ratio",
        (
            Reading("MACs", ratio(RESNET_V1, V3)),
            Reading(
                "parameters",
                ratio(RESNET_V1, V3, "params_executed"),
                contradicts="the guide speaks of computational cost",
            ),
        ),
    ),
    Claim(
        "G5",
        "Inception-ResNet-v2 costs about what Inception-v4 does",
        ("G Inception-ResNet",),
        about("1"),
        "ratio",
        (
            Reading("as released", ratio(RESNET_V2, V4)),
            Reading("as the figures have it", ratio(net(FIGURES), V4)),
        ),
    ),
    Claim(
        "G6",
        "Inception-ResNet-v1 and v2 have modules and reductions of the same structure",
        ("G Inception-ResNet",),
        same((5, 5), "5 of 5"),
        "of",
        (alike(V1_NAME, V2_NAME, *ALL_FIVE),),
    ),
    Claim(
        "G6b",
        "Inception-ResNet-v1 and v2 have different stems",
        ("G Inception-ResNet", "G Inception v4"),
        same((0, 1), "0 of 1"),
        "of",
        (stems(V1_NAME, FIGURES), stems(V1_NAME, V2_NAME)),
    ),
    Claim(
        "G6c",
        "Inception-ResNet-v2 has the stem of Inception-v4",
        ("G Inception v4",),
        same((1, 1), "1 of 1"),
        "of",
        (stems("inception_v4", FIGURES), stems("inception_v4", V2_NAME)),
    ),
    Claim(
        "G7",
        "Residuals are scaled by 0.1 to 0.3",
        ("G Inception-ResNet",),
        between(Fraction(1, 10), Fraction(3, 10), "0.1 to 0.3"),
        "ratio",
        (
            scales(V1_NAME),
            scales(V1_NAME, largest=True),
            scales(V2_NAME),
            scales(V2_NAME, largest=True),
        ),
        joint=True,
    ),
    Claim(
        "G7b",
        "Over 1000 filters, networks with residuals died in training",
        ("G Inception-ResNet",),
        None,
        "count",
        (widest(V1_NAME), widest(V2_NAME)),
        "it takes trainings; how many filters the networks have is computed",
    ),
    Claim(
        "G12",
        "Reduction-A of Inception-v4 goes from 35×35 to 17×17, Reduction-B from 17×17 to 8×8",
        ("G Inception v4",),
        same((35, 17, 17, 8), "35 → 17, 17 → 8"),
        "series",
        (grids_reduced("inception_v4"), grids_reduced(V1_NAME), grids_reduced(V2_NAME)),
    ),
    Claim(
        "G13",
        "Residuals take the place of pooling in A, B and C; both reductions still pool",
        ("G Inception-ResNet",),
        same((0, 2, 2), "0 modules, 2 of 2 reductions"),
        "series",
        (pooling_blocks(V1_NAME), pooling_blocks(V2_NAME)),
        joint=True,
    ),
    Claim(
        "G13b",
        "The modules whose place they take, A, B and C of Inception-v4, do pool",
        ("G Inception-ResNet",),
        exactly(1, "all"),
        "share",
        (pooling_share("inception_v4"),),
    ),
    Claim(
        "G14",
        "A 1×1 behind the branches restores the depth of the input, so that the two can be added",
        ("G Inception-ResNet",),
        exactly(1, "all"),
        "share",
        (restored(V1_NAME), restored(V2_NAME)),
        joint=True,
    ),
)

SECTION = Section("Only in the guide", (*GOOGLENET, *SUCCESSORS))
