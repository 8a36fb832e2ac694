"""What the abstract and the introduction claim."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.bounds import about, above, below, printed
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import Subject, closed, net, only, ratio, total, without

if TYPE_CHECKING:
    from costlab.claims.lab import Lab

V3 = net("inception_v3")
TWICE = net("inception_v3", width=2)


def inner(subject: Subject, lab: Lab) -> int:
    """The MACs but those of the layers that cannot double: on the image, and the classifier."""
    report = subject.report(lab)
    return report.total.macs - sum(report.block(path).cost.macs for path in ("Conv2d_1a_3x3", "fc"))


def inner_doubled(lab: Lab) -> Finding:
    """What doubling does to the layers of which both sides double."""
    twice, once = (inner(subject, lab) for subject in (TWICE, V3))
    return Finding(Fraction(twice, once), f"without Conv2d_1a_3x3 and fc: {twice:,} / {once:,}")


COST = Claim(
    "A1",
    "The network costs 5 billion multiply-adds an inference",
    ("P abstract", "S compute setup"),
    printed("5 billion"),
    "macs",
    (
        Reading("the released graph at 299×299", total(V3)),
        Reading(
            "Table 1 literally, 4 modules at 17×17",
            total(net("inception_v3_table1")),
            contradicts="Table 1, which has five modules at 17×17; here one is the reduction",
        ),
        Reading(
            "with the auxiliary classifier",
            total(net("inception_v3", mode="train")),
            contradicts="the auxiliary classifier does not run in an inference",
        ),
    ),
)
SIZE = Claim(
    "A2",
    "The network has less than 25 million parameters",
    ("P abstract", "S compute setup"),
    below("25 million"),
    "params",
    (
        Reading("used in an inference", total(V3, "params_executed")),
        Reading("with the auxiliary classifier", total(V3, "params")),
        Reading("a real fifth module at 17×17", total(net("inception_v3_five"), "params_executed")),
    ),
)

SECTION = Section(
    "Abstract and introduction",
    (
        Claim(
            "A3",
            "Errors of 21.2 % and 5.6 % with one crop, 17.3 % and 3.5 % with four models",
            ("P abstract",),
            None,
            "text",
            reason="an accuracy: it takes trained weights and the validation set",
        ),
        Claim(
            "A4",
            "GoogLeNet has only 5 million parameters",
            ("P §1", "S bottleneck"),
            printed("5 million"),
            "params",
            (
                Reading("plain first layer", total(net("googlenet"), "params_executed")),
                Reading(
                    "separable first layer", total(net("googlenet_separable"), "params_executed")
                ),
                Reading("with both auxiliary classifiers", total(net("googlenet"), "params")),
                Reading(
                    "torchvision's graph", total(net("googlenet_torchvision"), "params_executed")
                ),
                Reading(
                    "without the last layer",
                    without(net("googlenet"), "fc", "params_executed"),
                    contradicts="the figure is set beside AlexNet's with its classifier",
                ),
            ),
        ),
        Claim(
            "A5",
            "That is a 12-fold reduction from AlexNet",
            ("P §1", "S bottleneck"),
            about("12"),
            "ratio",
            (
                Reading(
                    "AlexNet of 2012 over GoogLeNet",
                    ratio(net("alexnet"), net("googlenet"), "params_executed"),
                ),
                Reading(
                    "of the figures that the paper prints",
                    only(closed(Fraction(60, 5), "60 million / 5 million")),
                ),
            ),
        ),
        Claim(
            "A6",
            "AlexNet has 60 million parameters",
            ("P §1", "R introduction"),
            printed("60 million"),
            "params",
            (
                Reading("two groups, as in 2012", total(net("alexnet"), "params")),
                Reading("without groups", total(net("alexnet_ungrouped"), "params")),
                Reading("one tower", total(net("alexnet_one_tower"), "params")),
            ),
        ),
        Claim(
            "A7",
            "VGGNet has about 3 times the parameters of AlexNet",
            ("P §1", "R introduction", "S bottleneck"),
            about("3"),
            "ratio",
            (
                Reading("VGG-16", ratio(net("vgg16"), net("alexnet"), "params")),
                Reading("VGG-19", ratio(net("vgg19"), net("alexnet"), "params")),
            ),
        ),
        Claim(
            "A8",
            "Inception costs much less than VGGNet or its successors (here: less than half)",
            ("P §1", "P §6", "P §11", "R architecture", "S evidence"),
            above("2"),
            "ratio",
            (
                Reading("VGG-16 over GoogLeNet", ratio(net("vgg16"), net("googlenet"))),
                Reading("VGG-16 over Inception-v3", ratio(net("vgg16"), V3)),
                Reading("VGG-19 over Inception-v3", ratio(net("vgg19"), V3)),
                Reading(
                    "a successor of VGG, PReLU-net A, over GoogLeNet",
                    ratio(net("prelu_net_a"), net("googlenet")),
                ),
            ),
        ),
        Claim(
            "A9",
            "Doubling all filter banks multiplies the computation by 4",
            ("P §1",),
            about("4", Fraction(1, 20)),
            "ratio",
            (
                Reading("at width 2", ratio(TWICE, V3)),
                Reading("without the first and the last layer", inner_doubled),
            ),
        ),
        Claim(
            "A9b",
            "Doubling all filter banks multiplies the parameters by 4",
            ("P §1",),
            about("4", Fraction(1, 20)),
            "ratio",
            (Reading("at width 2", ratio(TWICE, V3, "params_executed")),),
        ),
    ),
)
