"""Networks broken on purpose: the verdicts that follow, and no others, are other ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from costlab import zoo
from costlab.claims.inception_v3 import label_smoothing
from costlab.claims.lab import Lab
from costlab.claims.ledger import judge
from costlab.claims.sections import claims

if TYPE_CHECKING:
    from costlab.claims.document import Verdicts
    from costlab.graph import Graph

HERE = "tests.claims.broken"
MODULES = "costlab.zoo.inception_v3_variants:InceptionV3Modules"
OURS = {"classes": 1000, "aux": True}
BY_ID = {claim.id: claim for claim in claims()}


Changed = Callable[..., Mapping[str, str]]


def with_network(lab: Lab, name: str, **network: Any) -> Lab:
    """A lab in which this network is changed so; what was traced of all others it knows."""
    other = Lab({**zoo.CATALOGUE, name: replace(zoo.CATALOGUE[name], **network)})
    other._graphs |= {key: graph for key, graph in lab._graphs.items() if key[0] != name}
    other._reports |= {key: report for key, report in lab._reports.items() if key[0] != name}
    return other


@pytest.fixture
def changed(verdicts: Verdicts, lab: Lab) -> Changed:
    """A function that gives the verdicts that are others with a network changed, by id."""

    def found(name: str, **network: Any) -> Mapping[str, str]:
        broken = with_network(lab, name, **network)
        again = {claim.id: judge(BY_ID[claim.id], broken).verdict for claim in verdicts.claims}
        return {c.id: again[c.id] for c in verdicts.claims if again[c.id] != c.verdict}

    return found


def test_nothing_changes_by_itself(changed: Changed) -> None:
    """With a network put in its own place no verdict changes."""
    assert changed("inception_v3") == {}


def test_a_5x5_among_two_3x3(changed: Changed) -> None:
    """It saves nothing of the 5×5, has more weights, and sees more."""
    found = changed("two_3x3", builder=f"{HERE}:two_3x3")
    assert found == dict.fromkeys(("B3", "B1b", "B3b", "B4", "B9", "G9"), "fails")


def test_n_by_n_in_place_of_a_pair(changed: Changed) -> None:
    """Two n×n cost twice the one, whatever n is."""
    found = changed("pair_1xn_nx1", builder=f"{HERE}:square_pair")
    assert found == dict.fromkeys(("B1b", "B8", "B8b", "B9"), "fails")


def test_a_larger_patch_than_counted(changed: Changed) -> None:
    """§5 counts 2d²k² for a 1×1; a 3×3 takes nine times that."""
    found = changed("reduction_conv_first", builder=f"{HERE}:reduction_conv_first")
    assert found == dict.fromkeys(("D1", "D2", "D3"), "fails")


def test_inception_v3_of_half_the_width(changed: Changed) -> None:
    """A quarter of the cost, and every row of Table 1 with half of its filters."""
    found = changed("inception_v3", arguments={**OURS, "width": 0.5})
    rows = [f"T1.{row}" for row in (1, 2, 3, 4, 8, 9, 10, 11)]
    costs = ["A1", "A9", "A9b", "R1", "R2", "X5", "X6", "Z1", "G4"]
    assert found == dict.fromkeys([*costs, "C1", *rows, "E5"], "fails") | {"B10": "holds"}


def test_inception_v3_without_a_module(changed: Changed, lab: Lab) -> None:
    """With three modules at 17×17 it is cheaper than its variants, and about 5 billion."""
    found = changed("inception_v3", builder=MODULES, arguments={**OURS, "modules_17x17": 3})
    assert found == {
        "A1": "holds",
        "R1": "near",
        "R2": "near",
        "X6": "near",
        "Z1": "holds",
        "G4": "fails",
    }
    three = with_network(
        lab, "inception_v3", builder=MODULES, arguments={**OURS, "modules_17x17": 3}
    )
    counts = judge(BY_ID["E3"], three)
    assert [one.computed for one in counts.readings[:2]] == [(3, 3, 2), (3, 4, 2)]
    assert judge(BY_ID["E1"], three).computed == 48 - 5


def test_inception_v3_with_a_fifth_module(changed: Changed) -> None:
    """It has the modules of Table 1, and too many parameters, layers and multiply-adds."""
    found = changed("inception_v3", builder=MODULES, arguments={**OURS, "modules_17x17": 5})
    assert found == {
        "A1": "fails",
        "A2": "near",
        "T1.9b": "holds",
        "E1": "fails",
        "E3": "holds",
        "R1": "near",
        "X5": "fails",
        "X6": "near",
        "X7": "near",
        "Z1": "fails",
    }


def test_a_side_head_more(changed: Changed) -> None:
    """It is seen in training, and an inference costs what it did."""
    found = changed("inception_v3", builder=f"{HERE}:TwoHeads")
    assert found == {"C1b": "fails", "C1c": "fails"}


def test_googlenet_without_side_heads(changed: Changed) -> None:
    """It has two of them no longer."""
    arguments = {"classes": 1000, "aux": False}
    assert changed("googlenet", arguments=arguments) == {"C3": "fails"}


def test_padding_that_is_not_marked(changed: Changed) -> None:
    """The grids behind it are other ones, and one layer more is padded."""
    found = changed("inception_v3", builder=f"{HERE}:padded_stem")
    assert found == dict.fromkeys(("T1.2", "T1.3", "T1.4"), "fails") | {"X6": "near"}


def test_a_bottleneck_in_the_stem(changed: Changed) -> None:
    """Eight filters before the first pooling squeeze what the image holds to a quarter."""
    found = changed("inception_v3", builder=f"{HERE}:squeezed_stem")
    squeezed = dict.fromkeys(("P1", "T1.3", "T1.4"), "fails")
    assert {name: word for name, word in found.items() if name in squeezed} == squeezed


def test_googlenet_with_3x3_for_5x5(changed: Changed) -> None:
    """As torchvision has it: no module has a 5×5, and its cost is 1.5 billion."""
    arguments = {"classes": 1000, "aux": True, "graph": "torchvision"}
    found = changed("googlenet", arguments=arguments)
    assert found == {"G17": "fails", "X1": "holds"}


def test_inception_v4_for_inception_resnet(changed: Changed) -> None:
    """It has no residuals to scale or to restore the depth for, and pools in its modules."""
    other = zoo.CATALOGUE["inception_v4"]
    found = changed("inception_resnet_v2", builder=other.builder, arguments=other.arguments)
    assert found == dict.fromkeys(("G6", "G7", "G13", "G14"), "fails")


def test_alexnet_for_vgg(changed: Changed) -> None:
    """Inception is not cheaper than AlexNet."""
    other = zoo.CATALOGUE["alexnet"]
    found = changed(
        "vgg16",
        builder=other.builder,
        arguments=other.arguments,
        input_shape=other.input_shape,
    )
    assert found == {"A8": "fails"}


class Miscounting(Lab):
    """A lab whose graphs count one multiply-add too many in their first convolution."""

    def graph(self, name: str, **asked: Any) -> Graph:
        """The graph, miscounted."""
        graph = super().graph(name, **asked)
        nodes = list(graph.nodes)
        first = next(i for i, node in enumerate(nodes) if node.family == "convolution")
        nodes[first] = nodes[first]._replace(macs=nodes[first].macs + 1)
        return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize("name", ["B1", "B2", "B3", "B5", "B6", "B7", "B8", "D1", "D2", "G15"])
def test_a_single_multiply_add_too_many(name: str) -> None:
    """Exact claims and closed forms notice one in a hundred million."""
    assert judge(BY_ID[name], Miscounting()).verdict == "fails"


@pytest.mark.parametrize("name", ["L2b", "L3"])
def test_labels_smoothed_otherwise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the share of ε / K that the label itself gets, no identity is left."""
    right = label_smoothing.smoothed()
    wrong = right.clone()
    wrong[label_smoothing.LABEL] -= float(label_smoothing.EPSILON) / label_smoothing.CLASSES
    monkeypatch.setattr(label_smoothing, "smoothed", lambda: wrong)
    assert judge(BY_ID[name], Lab()).verdict == "fails"


def test_labels_not_smoothed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the gap at the optimum is not finite."""
    monkeypatch.setattr(label_smoothing, "smoothed", label_smoothing.one_hot)
    assert judge(BY_ID["L6"], Lab()).verdict == "fails"


@pytest.mark.parametrize("name", ["L1", "L3", "L5", "L2b", "L6b"])
def test_another_loss(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A squared error is no cross entropy, and one that is flat has its optimum anywhere."""

    def squared(q: Any, z: Any) -> Any:
        return (z * 0).sum(-1) if name == "L6b" else (z.softmax(-1) - q).square().sum(-1)

    monkeypatch.setattr(label_smoothing, "cross_entropy", squared)
    assert judge(BY_ID[name], Lab()).verdict == "fails"
