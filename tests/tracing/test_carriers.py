"""A forward on shapes, on fake tensors and on real ones: the same counts, and the reasons."""

from __future__ import annotations

import random
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import costlab
from costlab.sources import find
from tests.tracing.networks import Calls, Shared, Tied

if TYPE_CHECKING:
    from collections.abc import Callable

R = torch.randn


class Residual(nn.Module):
    """Convolutions, normalizations, an in-place activation, dropout, a pooling, a product."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        x = self.relu(self.norm(self.conv(x)))
        x = x + self.drop(x).mul_(0.5)
        pooled = F.adaptive_avg_pool2d(x, 1).flatten(1)
        logits: torch.Tensor = self.head(pooled)
        return logits.log_softmax(-1)


def encoder() -> nn.Module:
    """A transformer's encoder of two layers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2)


BATTERY: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "residual": (Residual, (R(2, 3, 8, 8),)),
    "encoder": (encoder, (R(2, 5, 16),)),
    "lstm": (lambda: nn.LSTM(8, 16, 2, bidirectional=True), (R(5, 2, 8),)),
    "gru": (lambda: nn.GRU(8, 16), (R(5, 2, 8),)),
    "tied": (Tied, (torch.randint(0, 50, (2, 7)),)),
    "shared": (Shared, (R(2, 8),)),
    "loss": (lambda: Calls(lambda m, x: F.cross_entropy(x @ m.weight, x.argmax(-1))), (R(4, 8),)),
    "svd": (lambda: Calls(lambda m, x: torch.linalg.svd(x @ m.weight)[1]), (R(4, 8),)),
    "einsum": (lambda: Calls(lambda m, x: torch.einsum("bi,ij->bj", x, m.weight)), (R(4, 8),)),
    "script": (lambda: nn.Sequential(torch.jit.script(nn.Linear(8, 8)), nn.GELU()), (R(2, 8),)),
    "views": (
        lambda: Calls(lambda m, x: (x.view(2, 2, 8).transpose(0, 1)[:, :1] @ m.weight).squeeze_(1)),
        (R(4, 8),),
    ),
    "fill": (
        lambda: Calls(lambda m, x: torch.zeros(4, 8).index_copy_(0, torch.arange(4), x) @ m.weight),
        (R(4, 8),),
    ),
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", BATTERY)
def test_counts_are_the_same_on_whatever_tensors(name: str, mode: str) -> None:
    """Shapes, fake tensors and real tensors give one report, block by block."""
    factory, inputs = BATTERY[name]
    model = factory()
    shapes, fake, real = (
        costlab.analyze(model, inputs, mode=mode, on=on) for on in ("meta", "fake", "real")
    )
    assert shapes.total.macs + shapes.total.flops > 0
    assert fake == shapes
    assert (real.total, real.coverage) == (shapes.total, shapes.coverage)
    assert real.root == shapes.root


def test_the_zoo_counts_the_same_on_real_tensors() -> None:
    """A network of the zoo costs the same on real tensors as on shapes."""
    model = find("alexnet(classes=10)").build()
    with torch.no_grad():
        weights = {key: torch.zeros(value.shape) for key, value in model.state_dict().items()}
    model.load_state_dict(weights, assign=True)
    shapes = costlab.analyze(model, "f32[1,3,227,227]", mode="eval", on="meta")
    real = costlab.analyze(model, "f32[1,3,227,227]", mode="eval", on="real")
    assert real.total == shapes.total
    assert real.root == shapes.root


def branch(m: Any, x: torch.Tensor) -> Any:
    """One product if the input is positive, else two."""
    return x @ m.weight if x.sum() > 0 else x @ m.weight @ m.weight


@pytest.mark.parametrize(("sign", "products"), [(1, 1), (-1, 2)])
def test_a_branch_on_values_is_counted_for_the_values_seen(sign: int, products: int) -> None:
    """A forward that branches costs the branch that its inputs take, and the report says so."""
    report = costlab.analyze(Calls(branch), sign * torch.ones(2, 8))
    assert report.total.macs == products * 2 * 8 * 8
    first, second = report.warnings
    assert first.startswith("counted on real tensors, as on shapes alone the forward stopped at")
    assert "test_carriers.py:" in first
    assert "__bool__ in the model" in second
    assert "depends on values" in second
    assert "test_carriers.py:" in second


def test_rows_that_a_mask_picks_are_counted() -> None:
    """Three rows of five that are positive cost three rows of the product."""
    x = torch.tensor([1.0, -1, 1, -1, 1])[:, None].expand(5, 8)
    masked = costlab.analyze(Calls(lambda m, x: x[x[:, 0] > 0] @ m.weight), (x,))
    assert masked.total.macs == 3 * 8 * 8
    assert any("a mask" in warning and "values" in warning for warning in masked.warnings)
    found = costlab.analyze(Calls(lambda m, x: x[(x[:, 0] > 0).nonzero()[:, 0]] @ m.weight), (x,))
    assert found.coverage.unknown == ()
    assert found.total.macs == 3 * 8 * 8
    assert any("nonzero" in warning and "values" in warning for warning in found.warnings)


class Experts(nn.Module):
    """A mixture of experts: each token goes to the expert of its first feature's sign."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = nn.Linear(8, 4), nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the experts say."""
        out = x.new_zeros(len(x), 4)
        for expert, chosen in ((self.low, x[:, 0] < 0), (self.high, x[:, 0] >= 0)):
            (rows,) = torch.where(chosen)
            out[rows] = expert(x[rows])
        return out


def test_a_mixture_of_experts_is_counted_by_its_routing() -> None:
    """Two tokens to one expert and five to the other cost just that."""
    x = torch.cat([-torch.ones(2, 8), torch.ones(5, 8)])
    report = costlab.analyze(Experts(), (x,))
    assert report.block("low").cost.macs == 2 * 8 * 4
    assert report.block("high").cost.macs == 5 * (8 * 16 + 16 * 4)
    assert any("depends on values" in warning for warning in report.warnings)


def test_a_constants_values_are_no_remark() -> None:
    """What is read of a constant is the same for all values, also on real tensors."""
    model = Calls(lambda m, x: x @ m.weight if torch.arange(3).sum().item() == 3 else x)
    assert costlab.analyze(model, R(2, 8), on="real").warnings == ()


def test_specs_are_filled_and_that_is_said() -> None:
    """An input that is only a spec gets values on real tensors, the same in every run."""
    model = Calls(lambda m, x, n: x @ m.weight if x.sum() > 0 and n.sum() == 0 else x)
    inputs = ("f32[2,8]", "i64[3]")
    one, two = (costlab.analyze(model, inputs) for _ in range(2))
    assert one == two
    assert any("normal random numbers" in warning for warning in one.warnings)


class Rolling(nn.Module):
    """Branches on values, and changes all that a forward can change."""

    steps: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(8, 8), nn.BatchNorm1d(8)
        self.register_buffer("steps", torch.zeros(1))
        self.seen: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features."""
        self.steps += 1
        self.steps[0].add_(1)
        self.layer.weight.data.mul_(2)
        self.layer.bias.data = torch.ones(8)
        nn.init.zeros_(self.norm.weight)
        x.mul_(2)
        self.seen.append(x)
        random.random()  # noqa: S311 - it is the state that matters
        x = F.dropout(self.norm(self.layer(x)))
        return x * x.max().item()


@pytest.mark.parametrize("on", ["auto", "real"])
def test_real_tensors_leave_the_model_and_the_inputs_as_they_were(on: str) -> None:
    """Weights, statistics, buffers, inputs and random states are the same after a real run."""
    model, x = Rolling().train(), R(4, 8)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    versions = [tensor._version for tensor in (*model.parameters(), *model.buffers(), x)]
    states, copy = (torch.get_rng_state(), random.getstate()), x.clone()
    report = costlab.analyze(model, (x,), on=on)
    assert report.total.macs == 4 * 8 * 8
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert versions == [tensor._version for tensor in (*model.parameters(), *model.buffers(), x)]
    assert torch.equal(x, copy)
    assert model.seen == []
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]


def test_a_real_run_computes_what_the_model_computes() -> None:
    """The values that a forward reads on real tensors are those of an ordinary forward."""
    seen: list[float] = []

    def look(m: Any, x: torch.Tensor) -> torch.Tensor:
        seen.append((x @ m.weight).sum().item())
        return x

    model = Calls(look)
    x = R(3, 8)
    costlab.analyze(model, (x,))
    model(x)
    assert seen[-2] == pytest.approx(seen[-1])


def test_a_real_run_holds_no_more_than_the_forward_does() -> None:
    """What a forward has let go of is freed while it runs, and not kept until its end."""
    from torch.utils.weak import WeakTensorKeyDictionary

    alive: list[int] = []
    made: Any = WeakTensorKeyDictionary()

    def chain(_: Any, x: torch.Tensor) -> torch.Tensor:
        for _step in range(20):
            x = x * 2
            made[x] = True
            alive.append(len(made))
        return x

    costlab.analyze(Calls(chain), R(8), on="real")
    assert max(alive) <= 2


def test_hidden_operations_are_counted_on_real_tensors() -> None:
    """What no function mode sees is priced kernel by kernel on real tensors as well."""
    mapped = Calls(lambda m, x: torch.vmap(lambda row: row @ m.weight)(x))
    assert costlab.analyze(mapped, R(5, 8), on="real").total.macs == 5 * 8 * 8
