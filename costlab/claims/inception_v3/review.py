"""What only the review claims."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.bounds import about, exactly, printed, same
from costlab.claims.document import Part
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import net, ratio, total

if TYPE_CHECKING:
    from costlab.claims.lab import Lab

V3, VGG_16 = net("inception_v3"), net("vgg16")
GOOGLENET, SEPARABLE = net("googlenet"), net("googlenet_separable")
IMAGE = 3
"""Channels of an image; a convolution that reads as many reads no feature map."""


def deeper_with_fewer(lab: Lab) -> Finding:
    """Whether Inception-v3 is deeper than VGG-19, and whether it has fewer parameters."""
    ours, theirs = lab.report("inception_v3").total, lab.report("vgg19").total
    formula = (
        f"depth {ours.depth} against {theirs.depth}; "
        f"{ours.params_executed:,} parameters against {theirs.params_executed:,}"
    )
    return Finding(
        (int(ours.depth > theirs.depth), int(ours.params_executed < theirs.params_executed)),
        formula,
    )


def weights_of_one(*names: str) -> Reading:
    """Weights of filters that read and write a single map."""

    def compute(lab: Lab) -> Finding:
        counts = [lab.report(name, shape=(1, 8, 8), inputs=1).total.params for name in names]
        parts = tuple(Part(name, count) for name, count in zip(names, counts, strict=True))
        listed = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
        return Finding(tuple(counts), f"weights, one map in and out: {listed}", parts)

    return Reading(" → ".join(names), compute)


def shrunk_by_pooling(name: str) -> Reading:
    """The share of the steps with a stride, but for one on the image, that are max poolings."""

    def compute(lab: Lab) -> Finding:
        steps = [
            node
            for node in lab.graph(name).nodes
            if max(node.attributes.get("stride", (1,))) > 1
            and node.attributes.get("channels", (0,))[0] != IMAGE
        ]
        pooled = sum(node.op == "max_pool2d" for node in steps)
        listed = ", ".join(node.scope for node in steps)
        formula = f"{pooled} of {len(steps)} steps with a stride are max poolings: {listed}"
        return Finding(Fraction(pooled, len(steps)) if steps else 0, formula)

    return Reading(name, compute)


SECTION = Section(
    "Only in the review",
    (
        Claim(
            "G0",
            "GoogLeNet has 7 million parameters",
            ("R introduction",),
            printed("7 million"),
            "params",
            (
                Reading("plain first layer", total(GOOGLENET, "params_executed")),
                Reading("separable first layer", total(SEPARABLE, "params_executed")),
            ),
        ),
        Claim(
            "G8",
            "Errors fall from 29 % to 25.2, 23.4, 23.1, 22.8, 21.6 and 21.2 % down Table 3",
            ("R ablation",),
            None,
            "text",
            reason="accuracies, copied from Table 3; the row of BN-GoogLeNet is left out",
        ),
        Claim(
            "G9",
            "Parameters fall from 25 to 18, from 9 to 6, and from 9 to 8",
            ("R §1.1", "R §1.2"),
            same((25, 18, 9, 6, 8), "25 → 18, 9 → 6, 9 → 8"),
            "series",
            (weights_of_one("conv5x5", "two_3x3", "conv3x3", "pair_3x1_1x3", "two_2x2"),),
        ),
        Claim(
            "G10",
            "Inception-v3 has a complexity similar to VGGNet's",
            ("R introduction",),
            about("1"),
            "ratio",
            (
                Reading("MACs, beside VGG-16", ratio(V3, VGG_16)),
                Reading("parameters, beside VGG-16", ratio(V3, VGG_16, "params_executed")),
                Reading("activations, beside VGG-16", ratio(V3, VGG_16, "activations")),
                Reading("MACs, beside VGG-19", ratio(V3, net("vgg19"))),
            ),
        ),
        Claim(
            "G11",
            "Factorized, the network can be deeper with fewer parameters (here: than VGG-19)",
            ("R §1.2", "R introduction"),
            same((1, 1), "deeper, and fewer"),
            "series",
            (Reading("beside VGG-19", deeper_with_fewer),),
        ),
        Claim(
            "G18",
            "AlexNet and VGGNet make their feature maps smaller by max pooling",
            ("R grid size reduction",),
            exactly(1, "all"),
            "share",
            (
                shrunk_by_pooling("alexnet"),
                shrunk_by_pooling("vgg16"),
                shrunk_by_pooling("vgg19"),
            ),
            joint=True,
        ),
    ),
)
