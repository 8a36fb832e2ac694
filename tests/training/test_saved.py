"""What is kept for a backward, against torch's own saved tensors."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from costlab.tracing import trace
from costlab.training import training_of
from tests.ops.single_cases import Operation
from tests.ops.typical import CALLS
from tests.training.real import kept_bytes, tensors_in, traced

if TYPE_CHECKING:
    from costlab.training import Training

ASSUMED = frozenset({
    "cosine_similarity", "local_response_norm", "lp_pool1d", "lp_pool2d", "lp_pool3d",
    "lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell",
    "rnn_tanh_cell", "rnn_relu_cell", "embedding_bag", "mkldnn_rnn_layer",
})  # fmt: skip
"""Operations that are named as estimates: what they keep differs from kernel to kernel."""
OTHERWISE = {
    "dropout": "the CPU keeps noise of the input's type; elsewhere it is a byte an element",
    "scaled_dot_product_attention": "without heads the CPU takes another kernel; tested below",
}
"""What the CPU does otherwise than other devices, with the reason."""
UNDIFFERENTIABLE = frozenset({"native_batch_norm", "_native_batch_norm_legit"})
"""The typical call gives statistics that want a gradient, which torch refuses."""


class Call(nn.Module):
    """A forward that is one call, with its tensors as inputs."""

    def __init__(self, name: str, wanted: int) -> None:
        super().__init__()
        self.function, self.args, self.named = CALLS[name]
        self.copies = name in {"copy", "fill", "zero", "__setitem__"}
        self.wanted = wanted

    def inputs(self) -> list[torch.Tensor]:
        """Fresh operands; of numbers one wants a gradient."""
        found = []
        for at, tensor in enumerate(tensors_in([self.args, self.named])):
            fresh = tensor.detach().clone()
            if fresh.dtype is torch.float32:
                fresh = (fresh.abs() * 0.5 + 0.1).requires_grad_(at == self.wanted)
            found.append(fresh)
        return found

    def forward(self, *tensors: torch.Tensor) -> Any:
        """The call."""
        given = iter(tensors)

        def filled(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return next(given)
            return type(value)(map(filled, value)) if type(value) in (tuple, list) else value

        args = filled(self.args)
        named = {name: filled(value) for name, value in self.named.items()}
        if self.copies:
            args = (args[0] * 1, *args[1:])  # torch writes to no leaf that wants a gradient
        return self.function(*args, **named)


def operands(name: str) -> range:
    """The places of a typical call's tensors."""
    function, args, named = CALLS[name]
    del function
    return range(len(tensors_in([args, named])))


CASES = [
    (name, wanted)
    for name in CALLS
    if name not in OTHERWISE and name not in UNDIFFERENTIABLE
    for wanted in operands(name)
    if Call(name, wanted).inputs()[wanted].requires_grad
]


@pytest.mark.parametrize(("name", "wanted"), CASES)
def test_an_operation_keeps_what_torch_keeps(name: str, wanted: int) -> None:
    """Each operation keeps for the gradient of each operand just what autograd keeps."""
    model = Call(name, wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of odd but valid arguments
        try:
            real = kept_bytes(model, *model.inputs())
        except RuntimeError as error:
            assert "not differentiable" in str(error)  # noqa: PT017 - torch refuses this gradient
            return
        found = traced(model, *model.inputs())
    if found.assumed:
        assert set(found.assumed) <= ASSUMED
    else:
        assert found.total.saved_bytes == real


def test_most_operations_are_compared() -> None:
    """The comparison above is of more than two hundred operations, and few are estimates."""
    assert len({name for name, _ in CASES} - ASSUMED) > 200


class Attention(nn.Module):
    """Self-attention with heads, its three projections made at once."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The heads' results."""
        q, k, v = self.project(x).view(2, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v)


class Checkpointed(nn.Module):
    """Three layers, of which the second, of three operations, is checkpointed."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.first, self.last = nn.Linear(5, 6), nn.Linear(6, 5)
        self.middle = nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The three in order."""
        y: torch.Tensor = checkpoint(self.middle, self.first(x), use_reentrant=self.reentrant)
        out: torch.Tensor = self.last(y)
        return out


class NeverTrained(nn.BatchNorm2d):
    """A normalization by its registered statistics, in training too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As in eval mode."""
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)


def frozen(model: nn.Sequential, *places: int) -> nn.Sequential:
    """The model, some of whose layers want no gradient."""
    for place in places:
        model[place].requires_grad_(False)
    return model


IMAGE = (2, 4, 9, 9)
NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "convolutions": (
        nn.Sequential(
            nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 5, 3, stride=2),
            nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(5, 7),
        ),
        IMAGE,
    ),
    "grouped": (nn.Sequential(nn.Conv2d(4, 8, 3, groups=4), nn.SiLU(), nn.Conv2d(8, 8, 1)), IMAGE),
    "transposed": (nn.Sequential(nn.ConvTranspose2d(4, 6, 3, stride=2), nn.Sigmoid()), IMAGE),
    "rows": (
        nn.Sequential(nn.Linear(5, 6), nn.GELU(), nn.LayerNorm(6), nn.Linear(6, 7), nn.Softmax(-1)),
        (3, 4, 5),
    ),
    "groups": (nn.Sequential(nn.Conv2d(4, 6, 3), nn.GroupNorm(3, 6), nn.Hardswish()), IMAGE),
    "statistics frozen": (
        nn.Sequential(nn.Conv2d(4, 6, 3), NeverTrained(6), nn.ReLU()), IMAGE,
    ),
    "first frozen": (
        frozen(nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.ReLU()), 0),
        IMAGE,
    ),
    "last frozen": (
        frozen(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5)), 2), (3, 4),
    ),
    "attention": (Attention(), (2, 5, 8)),
    "checkpoint": (Checkpointed(reentrant=False), (2, 5)),
    "reentrant checkpoint": (Checkpointed(reentrant=True), (2, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_keeps_what_torch_keeps(name: str) -> None:
    """Together operations keep each memory once, as autograd does, to the byte."""
    model, shape = NETWORKS[name]
    x = torch.randn(shape)
    assert traced(model, x).total.saved_bytes == kept_bytes(model.train(), x)


def test_a_dropout_keeps_a_byte_an_element() -> None:
    """The mask of a dropout is what `native_dropout` returns beside its result."""
    x = torch.randn(3, 4, requires_grad=True)
    _, mask = torch.native_dropout(x, 0.5, True)

    def kept(model: nn.Module) -> int:
        found: Training = training_of(trace(model, (x,), mode="train"))
        return found.total.saved_bytes

    assert kept(nn.Dropout(0.5)) == mask.untyped_storage().nbytes()
    assert kept(nn.Dropout(0.0)) in (0, mask.untyped_storage().nbytes())


DROPOUTS = {
    "dropout": (2, 3, 4), "dropout1d": (2, 3, 4), "dropout2d": (2, 3, 4, 5),
    "dropout3d": (2, 3, 4, 5, 6), "alpha_dropout": (2, 3, 4), "feature_alpha_dropout": (2, 3, 4),
}  # fmt: skip


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", DROPOUTS)
def test_a_dropout_keeps_what_torch_keeps(name: str, p: float) -> None:
    """Noise, a factor a plane, or of everything dropped the zero that it is multiplied by."""
    for inplace in (False, True):
        model = Operation(lambda x, by=inplace: getattr(F, name)(x * 2, p, True, by))
        x = torch.rand(DROPOUTS[name], requires_grad=True)
        real = x.numel() if name == "dropout" and p == 0.5 else kept_bytes(model, x)  # OTHERWISE
        assert traced(model, x).total.saved_bytes == real


def test_a_smooth_loss_without_a_bend_keeps_what_a_plain_one_does() -> None:
    """For β = 0 only the difference is kept."""
    x, y = torch.rand(4, 5, requires_grad=True), torch.rand(4, 5)
    for beta in (0, 0.0, 1.0):
        model = Operation(lambda x, y, beta=beta: F.smooth_l1_loss(x, y, beta=beta))
        assert traced(model, x, y).total.saved_bytes == kept_bytes(model, x, y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("weight", ["none", "frozen", "trained"])
def test_an_rms_norm_keeps_what_torch_keeps_or_is_named(weight: str, dtype: torch.dtype) -> None:
    """On a CPU it is several operations, of which each may keep something."""
    model = nn.RMSNorm(8, elementwise_affine=weight != "none", dtype=dtype)
    model.requires_grad_(weight == "trained")
    for wanted in (True, False):
        x = torch.ones(4, 8, dtype=dtype, requires_grad=wanted)
        found, real = traced(model, x), kept_bytes(model, x)
        assert found.total.saved_bytes == real or found.assumed == ("rms_norm",)
        if wanted and weight != "trained" and dtype != torch.bfloat16:
            assert found.assumed == ()


def test_a_copy_for_its_layout_is_not_counted() -> None:
    """A layer without bias keeps a contiguous copy of a transposed input; docs say it is not in."""
    layer = nn.Linear(6, 4, bias=False)
    layer.register_forward_pre_hook(lambda _, given: given[0].transpose(1, 2))
    model = nn.Sequential(nn.Sigmoid(), layer)
    x = torch.ones(2, 6, 9, requires_grad=True)
    assert kept_bytes(model, x) - traced(model, x).total.saved_bytes == x.nbytes


def test_what_is_not_known_is_named() -> None:
    """An operation without an entry is taken to keep what it reads and writes, and is named."""
    found = traced(nn.LocalResponseNorm(3), torch.randn(IMAGE, requires_grad=True))
    assert found.assumed == ("local_response_norm",)
    assert found.total.saved_bytes == 2 * 4 * 2 * 4 * 9 * 9


@pytest.mark.parametrize("name", ["convolutions", "rows", "transposed"])
def test_a_batch_of_nothing_keeps_nothing(name: str) -> None:
    """Where there are no elements, there is nothing to keep."""
    model, shape = NETWORKS[name]
    found = traced(model, torch.randn(0, *shape[1:])).total
    assert found.macs == 0
    assert found.saved_bytes == 0


def test_a_scalar_can_be_trained_on() -> None:
    """Operations on tensors without axes keep what they keep of others."""
    x = torch.tensor(0.5, requires_grad=True)
    for model in (nn.Tanh(), nn.Dropout(0.5), nn.GELU()):
        assert traced(model, x).total.saved_bytes in (1, 4)
