"""The trap of what wraps a forward's tensors or takes its functions: no axis, no step is lost."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import _higher_order_ops, nn
from torch._higher_order_ops import associative_scan, scan
from torch.func import functional_call, stack_module_state
from torch.nn import functional as F
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

import costlab
from tests.tracing.networks import Calls, macs

if TYPE_CHECKING:
    from collections.abc import Callable

R = torch.randn
jit: Any = torch.jit
while_loop: Any = _higher_order_ops.while_loop
map_rows: Any = import_module("torch._higher_order_ops.map").map


@pytest.mark.parametrize(
    ("name", "function", "shapes", "expected"),
    [
        ("own rows", torch.vmap(lambda x: x @ x.T), [(5, 3, 4)], 5 * 3 * 3 * 4),
        ("shared weight", torch.vmap(F.linear, in_dims=(0, None)), [(5, 3, 4), (6, 4)],
         5 * 3 * 6 * 4),
        ("last axis", torch.vmap(torch.mv, in_dims=(2, 1)), [(3, 4, 5), (4, 5)], 5 * 3 * 4),
        ("twice", torch.vmap(torch.vmap(torch.dot)), [(5, 6, 7), (5, 6, 7)], 5 * 6 * 7),
        ("convolution", torch.vmap(F.conv2d, in_dims=(0, None)), [(5, 2, 3, 6, 6), (4, 3, 3, 3)],
         5 * 2 * 4 * 4 * 4 * 27),
        ("in chunks", torch.vmap(lambda x: x @ x.T, chunk_size=2), [(5, 3, 4)], 5 * 3 * 3 * 4),
        ("attention", torch.vmap(F.scaled_dot_product_attention), [(5, 2, 4, 8)] * 3,
         5 * 2 * (4 * 4 * 8 + 4 * 4 * 8)),
        ("gradient", torch.func.grad(lambda x: (x @ x.T).sum()), [(3, 4)],
         3 * (3 * 3 * 4)),  # the product, and one for each operand
        ("forward mode", lambda x: torch.func.jvp(lambda y: y @ y.T, (x,), (x,))[1], [(3, 4)],
         3 * (3 * 3 * 4)),  # as above
        ("gradient of each", torch.vmap(torch.func.grad(lambda x, w: (w @ x).sum()), (0, None)),
         [(5, 4), (3, 4)], 5 * (3 * 4 + 4 * 3)),
    ],
)  # fmt: skip
def test_transforms_count_every_axis(
    name: str, function: Callable[..., Any], shapes: list[tuple[int, ...]], expected: int
) -> None:
    """What `vmap` runs over is in the count, and so is what a gradient adds."""
    del name
    inputs = tuple(R(shape) for shape in shapes)
    assert macs(Calls(lambda _, *x: function(*x)), inputs) == expected


@pytest.mark.filterwarnings("ignore:`torch.jit")  # deprecated, and still what users bring
@pytest.mark.parametrize("on", ["meta", "real"])
@pytest.mark.parametrize("compiled", [jit.script, lambda layer: jit.trace(layer, R(4))])
def test_scripted_code_in_a_transform_counts_once(compiled: Any, on: str) -> None:
    """Its kernels are seen below what the transform wraps, and not a second time as a script's."""

    class Mapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = compiled(nn.Linear(4, 5))

        def forward(self, x: torch.Tensor) -> Any:
            return torch.vmap(self.layer)(x)

    report = costlab.analyze(Mapped(), R(3, 2, 4), on=on)
    assert report.total.macs == 3 * 2 * 4 * 5
    assert not report.is_lower_bound


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_an_ensemble_of_modules(mode: str) -> None:
    """Five models with stacked weights, run by `vmap`, cost five models."""
    members = [nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4)) for _ in range(5)]
    skeleton = members[0]

    class Ensemble(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            stacked, _ = stack_module_state(members)
            self.names = list(stacked)
            self.weights = nn.ParameterList(stacked.values())
            self.member = skeleton

        def forward(self, x: torch.Tensor) -> Any:
            def one(weights: list[torch.Tensor], sample: torch.Tensor) -> Any:
                return functional_call(
                    self.member, dict(zip(self.names, weights, strict=True)), sample
                )

            return torch.vmap(one, in_dims=(0, None))(list(self.weights), x)

    assert macs(Ensemble(), R(2, 8), mode=mode) == 5 * 2 * (8 * 6 + 6 * 4)


def test_what_follows_a_transform_is_counted() -> None:
    """The result of a transform is known afterwards, and layers are taken the short way again."""
    model = Calls(lambda m, x: m.layer(torch.vmap(lambda row: m.weight @ row)(x)) @ m.weight)
    model.layer = nn.Linear(8, 8)
    report = costlab.analyze(model, R(3, 8), strict=True)
    assert report.total.macs == 3 * (3 * 8 * 8)
    assert report.block("layer").cost.macs == 3 * 8 * 8


LOOPS: dict[str, tuple[Callable[..., Any], int]] = {
    "cond": (lambda x: torch.cond(torch.tensor(True), lambda y: y @ y, lambda y: y, (x,)), 4**3),
    "cond, else": (
        lambda x: torch.cond(torch.tensor(False), lambda y: y, lambda y: y @ y @ y, (x,)),
        2 * 4**3,
    ),
    "cond within cond": (
        lambda x: torch.cond(
            torch.tensor(True),
            lambda y: torch.cond(torch.tensor(True), lambda z: z @ z, lambda z: z, (y @ y,)),
            lambda y: y,
            (x,),
        ),
        2 * 4**3,
    ),
    "while_loop": (
        lambda x: while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y @ y), (torch.tensor(0), x))[
            1
        ],
        3 * 4**3,
    ),
    "scan": (lambda x: scan(lambda c, row: (x @ c, row + 1), x[0], x, dim=0)[0], 4 * 4 * 4),
    "map": (lambda x: map_rows(lambda row, w: row @ w, x, x), 4 * 4 * 4),
    "map of trees": (
        lambda x: map_rows(lambda each: {"of": (each[1]["by"] @ each[0],)}, (x, {"by": x}))["of"][
            0
        ],
        4 * 4,
    ),
    "associative_scan": (
        lambda x: associative_scan(
            lambda a, b: a @ b, torch.stack([x] * 4), 0, combine_mode="generic"
        ),
        4 * 4**3,  # pairs, then pairs of pairs, then what is left of each: 2 + 1 + 1
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_operations_that_are_given_functions(name: str) -> None:
    """`cond`, `while_loop`, `map` and scans cost what their functions do, as often as they run."""
    function, expected = LOOPS[name]
    assert macs(Calls(lambda _, x: function(x)), R(4, 4)) == expected


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
def test_a_layer_that_maps_over_rows_is_trained(on: str) -> None:
    """A mapped layer costs what it costs by itself, forward and backward, wherever it is run."""
    model = Calls(lambda m, x: map_rows(m.layer, x))
    model.layer = nn.Linear(8, 8)
    report = costlab.analyze(model, R(4, 3, 8), mode="train", on=on)
    assert report.training is not None
    total = report.training.total
    assert report.total.macs == total.forward_macs == 4 * 3 * 8 * 8
    assert (total.input_gradient_macs, total.weight_gradient_macs) == (0, 4 * 3 * 8 * 8)


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (lambda x: torch.cond(x.sum() > 0, lambda y: y @ y, lambda y: y, (x,)), "torch.cond"),
        (lambda x: while_loop(lambda y: y.sum() > 0, lambda y: (y @ y,), (x,)), "while_loop"),
    ],
    ids=["cond", "while_loop"],
)
def test_a_branch_that_depends_on_the_input_is_named(
    function: Callable[..., Any], named: str
) -> None:
    """On shapes alone no branch is guessed: the operation is named, and the line."""
    with pytest.raises(costlab.TraceError, match=rf"test_trap_transforms.py:\d+\]: .*{named} runs"):
        costlab.analyze(Calls(lambda _, x: function(x)), R(4, 4), on="meta")


FULL = 2 * 4 * 16 * 16 * (8 + 8)


def masked(q: torch.Tensor) -> Any:
    """Causal attention by a mask of blocks."""
    mask = create_block_mask(lambda _b, _h, i, j: i >= j, None, None, 16, 16, device="cpu")
    return flex_attention(q, q, q, block_mask=mask)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize(
    ("function", "expected", "remarked"),
    [
        (lambda q: flex_attention(q, q, q), FULL, False),
        (lambda q: flex_attention(q, q, q, score_mod=lambda s, *_: s * 2), FULL, True),
        (masked, FULL, True),
        (lambda q: flex_attention(q, q[:, :2], q[:, :2], enable_gqa=True), FULL, False),
        (lambda q: flex_attention(q, q[:, :, :10], q[:, :, :10, :3]),
         2 * 4 * 16 * 10 * (8 + 3), False),
        (lambda q: torch.compile(flex_attention)(q, q, q), FULL, False),
    ],
    ids=["plain", "score_mod", "block_mask", "grouped queries", "across", "compiled"],
)  # fmt: skip
def test_flexible_attention_is_attention(
    function: Callable[..., Any], expected: int, remarked: bool
) -> None:
    """`flex_attention` is counted in full, whatever it masks, and what is not looked at is said."""
    report = costlab.analyze(Calls(lambda _, q: function(q)), R(2, 4, 16, 8), strict=True)
    assert report.root.tally("attention").macs == report.total.macs == expected
    assert any("score_mod" in warning for warning in report.warnings) == remarked
