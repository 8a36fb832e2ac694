"""Convolutions that end in ReLU, as one call; a stand-in does on a CPU what cuDNN's kernel does."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from costlab.bench.fused import folded, fuse
from costlab.bench.seams import ArmError
from costlab.bench.study import Subject
from costlab.bench.subjects import build

CALLS: list[tuple[int, ...]] = []


def stand_in(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Tensor:
    """What `torch.cudnn_convolution_relu` gives for the same arguments."""
    CALLS.append(tuple(weight.shape))
    return F.relu(F.conv2d(x, weight, bias, stride, padding, dilation, groups))


def difference(source: str, shape: tuple[int, ...]) -> float:
    """The largest relative difference of a model and its fused twin."""
    model = build(Subject("", source, shape), "bn_relu", 2, 0).module.double()
    x = torch.rand(2, *shape, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        wanted, fused = model(x), fuse(model, stand_in)(x)
    return float((fused - wanted).abs().max() / wanted.abs().max())


# torch says once in a process that it copies an input to pad it on one side alone.
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("finish", ["bias_relu", "bn_relu"])
@pytest.mark.parametrize(
    ("name", "convolutions"),
    [("conv5x5", 1), ("two_3x3", 2), ("pair_3x1_1x3", 2), ("two_2x2", 2), ("pair_1xn_nx1", 2)],
)
def test_series_are_fused(name: str, convolutions: int, finish: str) -> None:
    """Each convolution with what follows it is one call, and the result the same in float64."""
    CALLS.clear()
    assert difference(f"{name}(inputs=6, finish={finish!r})", (6, 11, 9)) < 1e-12
    assert len(CALLS) == convolutions


@pytest.mark.parametrize("name", ["figure5", "figure10", "reduction_parallel"])
def test_branches_and_poolings_stay(name: str) -> None:
    """Branches, poolings and concatenations run as they are, between fused convolutions."""
    assert difference(f"{name}(inputs=8, width=0.1)", (8, 11, 11)) < 1e-12


def test_the_model_is_untouched() -> None:
    """Fusing leaves the model's modules and weights as they were."""
    model = build(
        Subject("", "two_3x3(inputs=4, finish='bn_relu')", (4, 7, 7)), "bare", 1, 0
    ).module
    names = [name for name, _ in model.named_modules()]
    weights = [parameter.clone() for parameter in model.parameters()]
    fuse(model, stand_in)
    assert [name for name, _ in model.named_modules()] == names
    for now, before in zip(model.parameters(), weights, strict=True):
        assert torch.equal(now, before)


def test_folding_is_the_normalization() -> None:
    """Weight and bias of a folded convolution do what it and its normalization do."""
    conv, norm = nn.Conv2d(3, 5, 3, bias=True).double(), nn.BatchNorm2d(5, eps=0.1).double().eval()
    with torch.no_grad():
        for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
            assert tensor is not None
            tensor.uniform_(0.5, 2)
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    weight, bias = folded(conv, norm)
    with torch.no_grad():
        assert torch.allclose(F.conv2d(x, weight, bias), norm(conv(x)), rtol=1e-12, atol=1e-12)


class Twice(nn.Module):
    """A convolution that two layers read."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """ReLU of the convolution, and the convolution."""
        y: Tensor = self.conv(x)
        return F.relu(y) + y


class Branching(nn.Module):
    """A forward that torch.fx cannot follow."""

    def forward(self, x: Tensor) -> Tensor:
        """The input, or twice the input."""
        return x if bool(x.sum() > 0) else 2 * x


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3)), "0 has none right behind it"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(4)), "ends in a ReLU"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.ReLU()), "ends in a ReLU"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), nn.ReLU()), "zeros"),
        (nn.Sequential(nn.Conv3d(3, 4, 3), nn.ReLU()), "Conv3d"),
        (Twice(), "conv has none right behind it"),
        (Branching(), "cannot trace"),
    ],
)
def test_what_cannot_be_said_is_refused(model: nn.Module, why: str) -> None:
    """A convolution without a ReLU of its own, and others, are refused with the reason."""
    with pytest.raises(ArmError, match=why):
        fuse(model.eval(), stand_in)


def finished() -> nn.Sequential:
    """A convolution with its normalization and ReLU."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()


@pytest.mark.parametrize("place", ["", "0", "1", "2"])
@pytest.mark.parametrize("how", ["hook", "pre-hook", "forward"])
def test_what_was_put_in_a_layers_place_is_not_lost(place: str, how: str) -> None:
    """Hooks and a forward of the instance would not be called: refused, of the model and each part.

    Each of them doubles what is written or read, so that a fused call would be wrong; the same
    model without them is fused.
    """
    model = finished()
    x = torch.rand(1, 3, 5, 5)
    with torch.no_grad():
        assert torch.allclose(fuse(model, stand_in)(x), model(x), atol=1e-5)
    layer = model.get_submodule(place)
    if how == "hook":
        layer.register_forward_hook(lambda _layer, _args, y: 2 * y)
    elif how == "pre-hook":
        layer.register_forward_pre_hook(lambda _layer, args: (2 * args[0],))
    else:
        before = layer.forward
        layer.forward = lambda x: 2 * before(x)
    where = f"{place}: it has" if place else "the model has"
    with pytest.raises(ArmError, match=where):
        fuse(model, stand_in)


class Functional(nn.Module):
    """A convolution that is no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(4, 3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        """ReLU of the convolution."""
        return F.relu(F.conv2d(x, self.weight))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Functional(), "calls conv2d itself"),
        (nn.Conv2d(3, 4, 3), "calls conv2d itself"),
        (nn.Sequential(nn.ReLU()), "no convolution"),
        (nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.ReLU()), "ConvTranspose2d is none of"),
    ],
)
def test_what_would_not_be_fused_is_refused(model: nn.Module, why: str) -> None:
    """An arm that fuses nothing would be eager under another name."""
    with pytest.raises(ArmError, match=why):
        fuse(model.eval(), stand_in)


def test_statistics_of_a_batch_cannot_be_folded() -> None:
    """A normalization that was left in train mode has none of its own yet."""
    model = finished()
    model[1].train()
    with pytest.raises(ArmError, match="1: it is in train mode"):
        fuse(model, stand_in)


def test_an_input_by_keyword_is_fused_too() -> None:
    """A forward may call its convolution with `input=`."""

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.conv(input=x))

    model, x = Named().eval(), torch.rand(1, 3, 5, 5)
    with torch.no_grad():
        assert torch.allclose(fuse(model, stand_in)(x), model(x), atol=1e-5)


def test_training_is_refused() -> None:
    """The fused call has no backward."""
    with pytest.raises(ArmError, match="no backward"):
        fuse(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).train(), stand_in)
