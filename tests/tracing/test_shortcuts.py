"""The short way to a leaf module's function, held against the ordinary way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import costlab
from costlab.tracing import leaves
from tests.tracing.networks import macs

if TYPE_CHECKING:
    from collections.abc import Callable

LEAVES: list[tuple[nn.Module, tuple[int, ...]]] = [
    (nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), (2, 4, 17)),
    (nn.Conv2d(4, 6, (1, 3), padding="same", bias=False), (2, 4, 9, 8)),
    (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), (2, 4, 9, 8)),
    (nn.Conv2d(4, 6, 3), (4, 9, 8)),
    (nn.Conv3d(4, 6, 3), (2, 4, 5, 6, 7)),
    (nn.BatchNorm1d(4), (2, 4)),
    (nn.BatchNorm1d(4), (2, 4, 5)),
    (nn.BatchNorm2d(4, affine=False), (2, 4, 5, 6)),
    (nn.BatchNorm2d(4, track_running_stats=False), (2, 4, 5, 6)),
    (nn.BatchNorm3d(4, momentum=None), (2, 4, 5, 6, 7)),
    (nn.LayerNorm((5, 6), bias=False), (2, 4, 5, 6)),
    (nn.LayerNorm(6, elementwise_affine=False), (2, 4, 5, 6)),
    (nn.Linear(6, 3), (2, 4, 6)),
    (nn.Linear(6, 3, bias=False), (6,)),
    (nn.ReLU(), (2, 3)),
    (nn.ReLU(inplace=True), (2, 3)),
    (nn.SiLU(inplace=True), (2, 3)),
    (nn.GELU(), (2, 3)),
    (nn.GELU("tanh"), (2, 3)),
    (nn.Dropout(0.3), (2, 3)),
    (nn.Dropout(0.3, inplace=True), (2, 3)),
    (nn.MaxPool2d(3, 2, 1, ceil_mode=True), (2, 3, 8, 9)),
    (nn.MaxPool2d((2, 3)), (3, 8, 9)),
    (nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 3, 8, 9)),
    (nn.AvgPool2d(2, divisor_override=3), (2, 3, 8, 9)),
    (nn.AdaptiveAvgPool2d((2, None)), (2, 3, 8, 9)),
    (nn.AdaptiveAvgPool2d(1), (2, 3, 8, 9)),
]


@pytest.fixture
def ordinary(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that closes every shortcut."""
    return lambda: monkeypatch.setattr(leaves, "SHORTCUTS", {})


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize(("leaf", "shape"), LEAVES, ids=lambda value: str(value)[:60])
def test_both_ways_record_the_same(
    leaf: nn.Module, shape: tuple[int, ...], mode: str, ordinary: Callable[[], None]
) -> None:
    """The graph of a leaf is the same by the short way as by the ordinary one."""
    model = nn.Sequential(leaf, nn.Sigmoid())
    short = costlab.trace(model, torch.randn(shape), mode=mode)
    ordinary()
    assert costlab.trace(model, torch.randn(shape), mode=mode) == short


def test_a_whole_network_is_the_same_both_ways(ordinary: Callable[[], None]) -> None:
    """Inception-v3 has the same graph by both ways, in both modes."""
    from costlab.zoo import find

    with torch.device("meta"):
        model = find("inception_v3").build()
    image = "f32[1,3,299,299]"
    short = [costlab.trace(model, image, mode=mode) for mode in ("eval", "train")]
    ordinary()
    assert [costlab.trace(model, image, mode=mode) for mode in ("eval", "train")] == short


def patched_conv() -> nn.Module:
    """A convolution that pads around, as is usual for images that are to be tiled."""
    conv = nn.Conv2d(4, 6, 3, padding=1)

    def around(x: torch.Tensor, weight: Any, bias: Any) -> torch.Tensor:
        return F.conv2d(F.pad(x, (3, 3, 3, 3), mode="circular"), weight, bias)

    conv._conv_forward = around  # type: ignore[assignment]  # what is patched here
    return conv


def generated(kind: Callable[[], nn.Module], *names: str) -> Callable[[], nn.Module]:
    """A layer whose weights or statistics are plain attributes, as a network makes them."""

    def build() -> nn.Module:
        layer = kind()
        for name in names:
            held = getattr(layer, name).detach()
            delattr(layer, name)
            setattr(layer, name, held.clone())
        return layer

    return build


ODD: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "patched": (patched_conv, (2, 4, 9, 8)),
    "weight": (generated(lambda: nn.Linear(6, 3), "weight"), (2, 6)),
    "bias": (generated(lambda: nn.Conv1d(4, 6, 3), "bias"), (2, 4, 9)),
    "both": (generated(lambda: nn.LayerNorm(6), "weight", "bias"), (2, 6)),
    "statistics": (generated(lambda: nn.BatchNorm1d(4), "running_mean"), (2, 4)),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_about_an_instance_goes_the_ordinary_way(name: str) -> None:
    """What a layer returns, and what it costs, is what its own forward does."""
    build, shape = ODD[name]
    layer = build().eval()
    report = costlab.analyze(layer, torch.randn(shape))
    real = costlab.analyze(layer, torch.randn(shape), on="real")
    assert report.total == real.total
    assert report.root.outputs[0].shape == tuple(layer(torch.randn(shape)).shape)


def test_a_patched_class_goes_the_ordinary_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution of all convolutions may be patched too."""

    def strided(_: nn.Conv2d, x: torch.Tensor, weight: Any, bias: Any) -> torch.Tensor:
        return F.conv2d(x, weight, bias, stride=(2, 2))

    plain = costlab.analyze(nn.Conv2d(4, 6, 3), "f32[2,4,9,9]").total.macs
    monkeypatch.setattr(nn.Conv2d, "_conv_forward", strided)
    patched = costlab.analyze(nn.Conv2d(4, 6, 3), "f32[2,4,9,9]").total.macs
    assert plain == 2 * 6 * 49 * 36
    assert patched == 2 * 6 * 16 * 36


def test_the_shortcuts_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above compares two ways: a plain leaf goes the short one, an odd one does not."""
    went: list[bool] = []
    direct = leaves.Leaves.direct

    def watched(self: leaves.Leaves, module: nn.Module, args: Any, kwargs: Any) -> Any:
        made = direct(self, module, args, kwargs)
        went.append(made is not NotImplemented)
        return made

    monkeypatch.setattr(leaves.Leaves, "direct", watched)
    assert macs(nn.Conv2d(3, 4, 3), "f32[1,3,8,8]") == 4 * 6 * 6 * 27
    assert macs(nn.Conv2d(3, 4, 3, padding_mode="circular"), "f32[1,3,8,8]") == 4 * 6 * 6 * 27
    assert went == [True, False]


def test_a_replaced_functional_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who replaces a function of torch's has it called, as without a trace."""
    plain = F.linear

    def twice(x: torch.Tensor, weight: torch.Tensor, bias: Any = None) -> torch.Tensor:
        return plain(plain(x, weight, bias), weight, bias)

    monkeypatch.setattr(F, "linear", twice)
    assert macs(nn.Linear(6, 6), "f32[2,6]") == 2 * 2 * 6 * 6


class Doubled(nn.Linear):
    """A linear layer of another kind: it multiplies twice."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's output, made of two products."""
        return F.linear(x, self.weight) + F.linear(x, self.weight)


def test_anything_unusual_goes_the_ordinary_way() -> None:
    """Subclasses, hooks and replaced forwards are carried out as they are."""
    assert macs(Doubled(8, 8), "f32[2,8]") == 2 * (2 * 8 * 8)

    hooked = nn.Linear(8, 8)
    hooked.register_forward_hook(lambda _module, _args, out: out @ torch.ones(8, 8))
    assert macs(hooked, "f32[2,8]") == 2 * (2 * 8 * 8)

    before = nn.Linear(8, 8)
    before.register_forward_pre_hook(lambda module, args: (args[0] @ module.weight,))
    assert macs(before, "f32[2,8]") == 2 * (2 * 8 * 8)

    replaced: Any = nn.Linear(8, 8)
    replaced.forward = lambda x: x
    assert macs(replaced, "f32[2,8]") == 0


def test_a_forward_replaced_on_the_class_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever replaces `nn.Linear.forward` gets what the replacement does."""
    monkeypatch.setattr(nn.Linear, "forward", lambda _self, x: x)
    assert macs(nn.Linear(8, 8), "f32[2,8]") == 0


def test_another_function_mode_in_the_forward_is_obeyed() -> None:
    """A mode that the forward opens sees the calls of the leaves inside it."""
    seen: list[Any] = []

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with Watch():
                return self.layer(x)  # type: ignore[no-any-return]  # a module's call is untyped

    assert macs(Net(), "f32[2,8]") == 2 * 8 * 8
    assert F.linear in seen


def test_a_table_without_the_operation_is_obeyed() -> None:
    """A user's own rule for `linear` prices linear modules."""
    ops = {**costlab.OPS, "linear": costlab.Op(lambda x, *_: costlab.Effect(x.shape, 7), "mine")}
    assert costlab.analyze(nn.Linear(8, 8), "f32[2,8]", ops=ops).total.macs == 7


def test_a_wrong_shape_has_torchs_own_message() -> None:
    """Arguments that the rule declines are torch's to refuse, at the leaf."""
    with pytest.raises(costlab.TraceError, match=r"0 \(Conv2d\) in conv2d"):
        costlab.analyze(nn.Sequential(nn.Conv2d(3, 4, 3)), "f32[1,4,8,8]")
    with pytest.raises(costlab.TraceError, match="expected 4D input"):
        costlab.analyze(nn.Sequential(nn.BatchNorm2d(3)), "f32[2,3]", mode="eval")
