"""Tests of the variants of Inception-v3 against the paper and against that network."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

import costlab
from costlab import Report
from costlab.errors import UsageError
from costlab.zoo import find
from costlab.zoo.inception_v3 import InceptionOutputs

VARIANTS = (
    "inception_v3_table1",
    "inception_v3_table1_5",
    "inception_v3_five",
    "inception_v3_151",
    "inception_v3_79",
    "inception_v3_bn_aux",
)
# Parameters and multiply-adds of an inference, without side head, and the longest path.
TOTALS = {
    "inception_v3": (23_834_568, 5_713_216_096, 48),
    "inception_v3_table1": (24_263_240, 5_864_860_256, 49),
    "inception_v3_table1_5": (26_405_192, 6_482_774_624, 54),
    "inception_v3_five": (25_976_520, 6_331_130_464, 53),
    "inception_v3_151": (23_834_568, 5_713_216_096, 48),
    "inception_v3_79": (23_834_568, 5_361_703_520, 48),
    "inception_v3_bn_aux": (23_834_568, 5_713_216_096, 48),
}
AUX = {"params": 3_326_696, "macs": 5_683_200}


def report(name: str, mode: str = "eval", *, size: int = 0, **arguments: object) -> Report:
    """What a network of the catalogue costs on one of its images, or on one of another size."""
    network = find(name)
    side = size or network.input_shape[1]
    with torch.device("meta"):
        model = network.build(**arguments)
    return costlab.analyze(model, f"f32[1,3,{side},{side}]", mode=mode)


def costs(of: Report) -> dict[str, tuple[int, int]]:
    """Parameters and multiply-adds of every block."""
    return {block.path: (block.cost.params, block.cost.macs) for block in of.blocks}


def grids(of: Report) -> dict[str, tuple[int, ...]]:
    """Channels and grid of what every block writes, but for those that did not run."""
    return {block.path: block.outputs[0].shape[1:] for block in of.blocks if block.outputs}


@pytest.mark.parametrize("name", TOTALS)
def test_totals(name: str) -> None:
    """An inference has the cost, the parameters and the depth that are known."""
    total = report(name, aux=False).total
    assert (total.params, total.macs, total.depth) == TOTALS[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_side_head(name: str) -> None:
    """In training the side head of the released graph is added, at the same grid."""
    training, total = report(name, "train").total, TOTALS[name]
    # Normalized logits have two parameters each in place of a bias.
    more = 1000 if name == "inception_v3_bn_aux" else 0
    assert training.macs == total[1] + AUX["macs"]
    assert training.params == total[0] + AUX["params"] + more


def test_table_1() -> None:
    """Every row writes what the table gives as the input of the next."""
    written = grids(report("inception_v3_table1"))
    rows = {
        "Conv2d_1a_3x3": (32, 149),
        "Conv2d_2a_3x3": (32, 147),
        "Conv2d_2b_3x3": (64, 147),
        "MaxPool_3a": (64, 73),
        "Conv2d_3b_3x3": (80, 71),
        "Conv2d_4a_3x3": (192, 35),
        "Conv2d_5a_3x3": (288, 35),
        **dict.fromkeys(("Mixed_5b", "Mixed_5c", "Mixed_5d"), (288, 35)),
        **dict.fromkeys(("Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"), (768, 17)),
        "Mixed_7a": (1280, 8),
        "Mixed_7b": (2048, 8),
        "Mixed_7c": (2048, 8),
        "pool": (2048, 1),
    }
    for name, (channels, grid) in rows.items():
        assert written[name] == (channels, grid, grid), name
    assert [name for name in written if name not in rows] == ["dropout", "fc"]


def test_table_1_in_factors() -> None:
    """The stem is the product of its printed sizes; behind 35×35 it is the released network."""
    ours, released = costs(report("inception_v3_table1")), costs(report("inception_v3"))
    assert ours["Conv2d_3b_3x3"] == (64 * 80 * 9 + 2 * 80, 64 * 80 * 9 * 71 * 71)
    assert ours["Conv2d_4a_3x3"] == (80 * 192 * 9 + 2 * 192, 80 * 192 * 9 * 35 * 35)
    assert ours["Conv2d_5a_3x3"] == (192 * 288 * 9 + 2 * 288, 192 * 288 * 9 * 35 * 35)
    weights = 288 * 64 + (288 * 48 + 48 * 64 * 9) + (288 * 64 + 64 * 96 * 9 + 96 * 96 * 9)
    weights += 288 * 64
    filters = 64 + (48 + 64) + (64 + 96 + 96) + 64
    for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        assert ours[name] == (weights + 2 * filters, weights * 35 * 35)
    behind = [name for name in released if name.startswith(("Mixed_6", "Mixed_7", "fc", "Aux"))]
    assert {name: ours[name] for name in behind} == {name: released[name] for name in behind}


@pytest.mark.parametrize(
    ("four", "five"),
    [("inception_v3", "inception_v3_five"), ("inception_v3_table1", "inception_v3_table1_5")],
)
def test_fifth_module(four: str, five: str) -> None:
    """A fifth module repeats Mixed_6e, changes nothing else, and breaks the bound on parameters."""
    once, more = costs(report(four, aux=False)), costs(report(five, aux=False))
    assert more.pop("Mixed_6f") == more["Mixed_6e"]
    assert more == once
    assert TOTALS[four][0] < 25_000_000 < TOTALS[five][0]


@pytest.mark.parametrize("count", [1, 3, 25])
def test_count_of_modules(count: int) -> None:
    """Any number of modules has names, and each adds five layers to the longest path."""
    built = report("inception_v3_five", modules_17x17=count)
    assert sum(block.path.startswith("Mixed_6") for block in built.blocks) == count + 1
    assert built.total.depth == 48 + 5 * (count - 4)


@pytest.mark.parametrize("count", [0, -1, 26, 2.0, True, "four"])
@pytest.mark.parametrize("name", ["inception_v3_table1", "inception_v3_five"])
def test_count_of_modules_is_checked(name: str, count: object) -> None:
    """What is no number of modules is refused."""
    with pytest.raises(UsageError, match="modules_17x17="):
        find(name).build(modules_17x17=count)


def test_151() -> None:
    """From the first layer on, 151×151 at stride 1 is 299×299 at stride 2, at the same cost."""
    ours, released = report("inception_v3_151"), report("inception_v3")
    assert grids(ours) == grids(released)
    assert costs(ours) == costs(released)


def test_79() -> None:
    """The stem runs on 77, 75 and 73, the modules from 17×17 on as in the released network."""
    ours, released = report("inception_v3_79"), report("inception_v3")
    written, cost = grids(ours), costs(ours)
    assert "MaxPool_3a" not in cost
    sides = (77, 75, 75, 75, 73, 36, 36, 36, 36, 17)
    assert tuple(shape[1] for shape in list(written.values())[: len(sides)]) == sides
    weights = {"Conv2d_1a_3x3": 27 * 32, "Conv2d_2b_3x3": 288 * 64, "Conv2d_4a_3x3": 720 * 192}
    for name, weight in weights.items():
        assert cost[name][1] == weight * written[name][1] ** 2
    for name, (params, macs) in costs(released).items():
        if name.startswith(("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7", "fc")):
            assert cost[name] == (params, macs)
        elif name.startswith("Mixed_5"):
            assert cost[name] == (params, macs * 36 * 36 // (35 * 35))


def test_same_cost_at_lower_resolution() -> None:
    """§9: the three networks cost nearly the same, the third a little less (6 % here)."""
    whole, third = TOTALS["inception_v3"][1], TOTALS["inception_v3_79"][1]
    assert round(1 - third / whole, 3) == 0.062


@pytest.mark.parametrize(
    ("name", "smallest", "in_training"),
    [("inception_v3_151", 39, 151), ("inception_v3_79", 21, 77)],
)
def test_smallest_image(name: str, smallest: int, in_training: int) -> None:
    """The smallest image leaves one position to the last modules; the side head needs more."""
    with torch.device("meta"):
        network = find(name).build()
        for mode, size in ((False, smallest), (True, in_training)):
            network.train(mode)(torch.zeros(2, 3, size, size))
            with pytest.raises(RuntimeError, match="size"):
                network(torch.zeros(2, 3, size - 1, size - 1))


def test_bn_auxiliary() -> None:
    """The side head's logits are normalized in place of their bias; all else is as released."""
    ours, released = report("inception_v3_bn_aux", "train"), report("inception_v3", "train")
    differing = {name for name, cost in costs(ours).items() if cost != costs(released)[name]}
    assert differing == {"AuxLogits"}
    assert ours.block("AuxLogits.fc").cost.params == 768 * 1000
    assert ours.block("AuxLogits.bn").cost.params == 2 * 1000
    assert [block.name for block in ours.block("AuxLogits").children][-2:] == ["fc", "bn"]
    with torch.device("meta"):
        head = find("inception_v3_bn_aux").build().get_submodule("AuxLogits.bn")
    assert isinstance(head, nn.BatchNorm1d)
    assert head.eps == 1e-3


@pytest.mark.parametrize("name", ["inception_v3_79", "inception_v3_bn_aux"])
def test_training_with_side_head(name: str) -> None:
    """A step of gradient descent on both losses changes every parameter."""
    network = find(name).build(classes=10, width=0.1)
    outputs = step(network, find(name).input_shape[1])
    assert isinstance(outputs, InceptionOutputs)


def test_training_without_side_head() -> None:
    """Without a side head a smaller image will do."""
    network = find("inception_v3_table1_5").build(classes=10, width=0.1, aux=False)
    assert isinstance(step(network, 107), torch.Tensor)


def step(network: nn.Module, size: int) -> torch.Tensor | InceptionOutputs:
    """What a network makes of two images; trained on them, it has no parameter as before."""
    torch.manual_seed(0)
    before = copy.deepcopy(network.state_dict())
    descent = torch.optim.SGD(network.parameters(), lr=0.03)
    outputs: torch.Tensor | InceptionOutputs = network(torch.randn(2, 3, size, size))
    both = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
    loss = sum(nn.functional.cross_entropy(logits, torch.tensor([3, 7])) for logits in both)
    assert isinstance(loss, torch.Tensor)
    torch.autograd.backward(loss)
    descent.step()
    for parameter, value in network.named_parameters():
        assert not torch.equal(value, before[parameter]), parameter
    return outputs


@pytest.mark.parametrize("name", VARIANTS)
def test_small_width(name: str) -> None:
    """Any width makes modules that fit together, in training too."""
    with torch.device("meta"):
        network = find(name).build(classes=5, width=0.03)
        outputs = network(torch.zeros(2, *find(name).input_shape))
    assert [logits.shape for logits in outputs] == [(2, 5), (2, 5)]


@pytest.mark.parametrize("name", ["inception_v3_table1", "inception_v3_bn_aux"])
def test_copies(name: str) -> None:
    """A network can be copied and pickled, with its modules and its weights."""
    network = find(name).build(width=0.03)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):  # noqa: S301 - its own pickle
        assert str(other) == str(network)
        copied = other.state_dict()
        for key, value in network.state_dict().items():
            assert torch.equal(copied[key], value), key
