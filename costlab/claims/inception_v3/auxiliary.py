"""What section 4, and the review and guide after it, claim of auxiliary classifiers."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.bounds import exactly, printed, same
from costlab.claims.document import Part
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import closed, only

if TYPE_CHECKING:
    from costlab.claims.lab import Lab
    from costlab.graph import Graph

HEAD = "AuxLogits"
BN_AUX = Fraction("21.6") - Fraction("21.2")
WEIGHTED = frozenset({"convolution", "linear"})


def read_by_head(graph: Graph) -> int:
    """The tensor that the auxiliary classifier reads."""
    return next(node for node in graph.nodes if node.scope.startswith(HEAD)).inputs[0]


def aux_input(lab: Lab) -> Finding:
    """Shape of what the auxiliary classifier reads."""
    graph = lab.graph("inception_v3", mode="train")
    shape = graph.tensors[read_by_head(graph)].spec.shape[1:]
    return Finding(shape, f"{HEAD} reads {'×'.join(map(str, shape))}")


def later_at_the_grid(lab: Lab) -> Finding:
    """How many blocks of the main path write the same grid behind what the head reads."""
    graph = lab.graph("inception_v3", mode="train")
    number = read_by_head(graph)
    grid = graph.tensors[number].spec.shape[-2:]
    writer = next(node.scope for node in graph.nodes if number in node.outputs)
    blocks = [b for b in lab.report("inception_v3").blocks if b.calls]
    behind = [b.path for b in blocks if b.outputs[0].shape[-2:] == grid]
    behind = behind[behind.index(writer.partition(".")[0]) + 1 :]
    listed = ", ".join(behind) or "none"
    return Finding(len(behind), f"{HEAD} reads {writer}; of that grid behind it: {listed}")


def heads(name: str) -> Reading:
    """How many auxiliary classifiers run in training, and how many in an inference."""

    def compute(lab: Lab) -> Finding:
        def ran(mode: str) -> list[str]:
            blocks = lab.report(name, mode=mode).blocks
            return [b.path for b in blocks if "aux" in b.path.lower() and b.calls]

        training, inference = ran("train"), ran("eval")
        formula = f"run in training: {', '.join(training)}; in an inference: {len(inference)}"
        return Finding((len(training), len(inference)), formula)

    return Reading(name, compute)


def normalized_layers(title: str, name: str, *families: str, contradicts: str = "") -> Reading:
    """The share of the head's layers of these families that batch normalization follows."""

    def compute(lab: Lab) -> Finding:
        graph = lab.graph(name, mode="train")
        nodes = [node for node in graph.nodes if node.scope.startswith(HEAD)]
        layers = [node for node in nodes if node.family in families]
        read = {number for n in nodes if n.op == "batch_norm" for number in n.inputs}
        normal = [node for node in layers if node.outputs[0] in read]
        parts = tuple(Part(node.scope, int(node in normal)) for node in layers)
        formula = f"{len(normal)} of {len(layers)} in {HEAD} of {name}"
        return Finding(Fraction(len(normal), len(layers)), formula, parts)

    return Reading(title, compute, contradicts=contradicts)


SECTION = Section(
    "Auxiliary classifiers (§4)",
    (
        Claim(
            "C1",
            "One auxiliary classifier, on top of the last 17×17 layer",
            ("P Figure 8", "R auxiliary classifier"),
            same((768, 17, 17), "17×17×768"),
            "shape",
            (Reading("what AuxLogits reads", aux_input),),
        ),
        Claim(
            "C1b",
            "Inception-v3 has one auxiliary classifier instead of two",
            ("P §4", "R auxiliary classifier"),
            same((1, 0), "1 in training, 0 in inference"),
            "series",
            (heads("inception_v3"),),
        ),
        Claim(
            "C1c",
            "No layer of 17×17 comes behind the one that the auxiliary classifier reads",
            ("P Figure 8", "R auxiliary classifier"),
            exactly(0, "none"),
            "count",
            (Reading("blocks of the same grid behind it", later_at_the_grid),),
        ),
        Claim(
            "C2",
            "Batch normalization in the side head gains 0.4 % of top-1",
            ("P Figure 8",),
            printed("0.4%"),
            "share",
            (Reading("last two rows of Table 3", only(closed(BN_AUX / 100, "21.6 % − 21.2 %"))),),
        ),
        Claim(
            "C2b",
            "All layers of the side head are batch-normalized, the fully connected one too",
            ("P §10", "R auxiliary classifier", "G Inception v3"),
            exactly(1, "all"),
            "share",
            (
                normalized_layers("the released graph", "inception_v3", *WEIGHTED),
                normalized_layers("its logits normalized too", "inception_v3_bn_aux", *WEIGHTED),
                normalized_layers(
                    "the 5×5 that covers its grid taken for fully connected",
                    "inception_v3",
                    "convolution",
                    contradicts="the layer that is called fully connected is that of the logits",
                ),
            ),
        ),
        Claim(
            "C3",
            "GoogLeNet has two auxiliary classifiers, for training only",
            ("G Inception v1", "R auxiliary classifier", "P §4"),
            same((2, 0), "2 in training, 0 in inference"),
            "series",
            (heads("googlenet"),),
        ),
        Claim(
            "C3b",
            "The loss of each of the two counts 0.3 times",
            ("G Inception v1",),
            None,
            "text",
            reason="a weight in the loss, and no cost",
        ),
    ),
)
