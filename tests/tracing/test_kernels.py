"""What a kernel on meta has made is made again without it, and is the same."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import costlab
from costlab.tracing import kernels, operations
from costlab.tracing.kernels import Kernels

aten = torch.ops.aten


def shapeless(*shape: int, **options: Any) -> torch.Tensor:
    """A tensor on meta."""
    return torch.empty(*shape, device="meta", **options)


IMAGE = shapeless(2, 3, 8, 8)
LAST = IMAGE.to(memory_format=torch.channels_last)
WEIGHT, VECTOR = shapeless(4, 3, 3, 3), shapeless(3)
POSITIONS = shapeless(5, dtype=torch.int64)
CALLS: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
    "one tensor": (aten.relu.default, (IMAGE,), {}),
    "channels last": (aten.relu.default, (LAST,), {}),
    "transposed": (aten.add.Tensor, (shapeless(3, 5).t(), shapeless(5, 3)), {"alpha": 2}),
    "expanded": (aten.mul.Tensor, (shapeless(3, 1).expand(3, 4), 2), {}),
    "a convolution": (
        aten.convolution.default,
        (IMAGE, WEIGHT, None, [2, 2], [1, 1], [1, 1], False, [0, 0], 1),
        {},
    ),
    "a convolution, channels last": (
        aten.convolution.default,
        (LAST, WEIGHT, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1),
        {},
    ),
    "three tensors": (
        aten.native_batch_norm.default,
        (IMAGE, VECTOR, VECTOR, VECTOR, VECTOR, False, 0.1, 1e-5),
        {},
    ),
    "two of several": (
        aten.convolution_backward.default,
        (
            shapeless(2, 4, 6, 6), IMAGE, WEIGHT, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1,
            [False, True, False],
        ),
        {},
    ),
    "a list of tensors": (aten.cat.default, ([IMAGE, IMAGE, LAST], 1), {}),
    "another type": (aten._to_copy.default, (IMAGE,), {"dtype": torch.float16}),
    "a format": (aten.clone.default, (IMAGE,), {"memory_format": torch.channels_last}),
    "a list that is returned": (aten.split_copy.Tensor, (IMAGE, 3, 2), {}),
    "positions with gaps": (aten.index.Tensor, (IMAGE, [None, POSITIONS]), {}),
}  # fmt: skip


def looks(made: Any) -> Any:
    """All that there is to see of what a kernel made."""
    if isinstance(made, tuple | list):
        return type(made), [looks(one) for one in made]
    return None if made is None else (made.shape, made.stride(), made.dtype, made.device)


@pytest.mark.parametrize("name", CALLS)
def test_what_is_made_again_is_the_same(name: str) -> None:
    """In shape, strides, type and container, however often; each time in memory of its own."""
    func, args, kwargs = CALLS[name]
    known = Kernels()
    made = [known.run(func, args, kwargs) for _ in range(3)]
    expected = looks(func(*args, **kwargs))
    assert [looks(one) for one in made] == [expected] * 3
    memories = [one.untyped_storage()._cdata for one in flat(made) if one is not None]
    assert len(set(memories)) == len(memories)


def flat(made: Any) -> list[Any]:
    """The tensors in what kernels made."""
    return [*chain.from_iterable(map(flat, made))] if isinstance(made, tuple | list) else [made]


class Listening(TorchDispatchMode):
    """Hears of each operation that runs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs it."""
        self.names.append(func._schema.name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", CALLS)
def test_a_kernel_is_asked_once(name: str) -> None:
    """The second time nothing runs below the function that is called."""
    func, args, kwargs = CALLS[name]
    known = Kernels()
    known.run(func, args, kwargs)
    assert [len(kept or ()) for kept in known._known.values()] == [1]
    with Listening() as heard:
        known.run(func, args, kwargs)
    assert set(heard.names) == {"aten::empty_strided"}


def test_what_looks_alike_is_told_apart() -> None:
    """Numbers that are equal, other strides, other names and the default type."""
    known = Kernels()
    whole = shapeless(4, dtype=torch.int64)
    calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
        (aten.add.Tensor, (whole, 1), {}),
        (aten.add.Tensor, (whole, 1.0), {}),
        (aten.add.Tensor, (whole, True), {}),
        (aten.mean.dim, (IMAGE, [1]), {}),
        (aten.mean.dim, (IMAGE, [1], True), {}),
        (aten.mean.dim, (IMAGE, [1]), {"dtype": torch.float64}),
        (aten.stack.default, ([VECTOR, VECTOR],), {}),
        (aten.stack.default, ([VECTOR, VECTOR], 1), {}),
        (aten.relu.default, (shapeless(3, 5).t(),), {}),
        (aten.relu.default, (shapeless(5, 3),), {}),
    ]
    for _ in range(2):
        for func, args, kwargs in calls:
            assert looks(known.run(func, args, kwargs)) == looks(func(*args, **kwargs))
    before = torch.get_default_dtype()
    try:
        for dtype in (torch.float32, torch.float64):
            torch.set_default_dtype(dtype)
            assert known.run(aten.div.Tensor, (whole, whole), {}).dtype is dtype
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize(
    ("func", "args"),
    [
        (aten.view.default, (IMAGE, [6, 64])),
        (aten.unsafe_split.Tensor, (IMAGE, 3, 2)),
        (aten.relu_.default, (shapeless(3),)),
        (aten.relu.default, (torch.zeros(3),)),
        (aten.add.Tensor, (shapeless(3, dtype=torch.complex64).conj(), 1)),
        (aten.mul.Tensor, (torch._efficientzerotensor((3,), device="meta"), 2)),
        (torch.relu, (IMAGE,)),
    ],
)
def test_what_is_not_kept(func: Any, args: tuple[Any, ...]) -> None:
    """Views, writes, values, what is more than its shape, and what is no operation of ATen's."""
    known = Kernels()
    for _ in range(2):
        assert looks(known.run(func, args, {})) == looks(func(*args))
    assert not any(known._known.values())


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one kernel; the oldest are forgotten."""
    monkeypatch.setattr(kernels, "MOST", 3)
    known = Kernels()
    for size in range(1, 9):
        assert known.run(aten.relu.default, (shapeless(size),), {}).shape == (size,)
        assert all(len(kept or ()) <= 3 for kept in known._known.values())


class Layers(nn.Module):
    """A convolution with all that stands around it, and a join."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.second, self.last = nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Some of it in several outputs, some in a view."""
        y = torch.relu(self.norm(self.first(x)))
        y = torch.cat([y, self.second(y) + y], 1).chunk(2, 1)[1]
        made: torch.Tensor = self.last(y.mean((2, 3))).softmax(-1)
        return made


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_scripted_code_costs_the_same_each_time(mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what kernels made before, without, and without the memory of it."""
    script = torch.jit.script(Layers())

    def costs() -> Any:
        graph = costlab.trace(script, "f32[2,3,16,16]", mode=mode)
        return graph.tensors, graph.nodes, graph.autograd

    first, again = costs(), costs()
    known = Kernels()
    monkeypatch.setattr(operations, "KERNELS", known)
    fresh = costs()
    assert any(known._known.values())
    monkeypatch.setattr(Kernels, "run", lambda _, func, args, kwargs: func(*args, **kwargs))
    assert first == again == fresh == costs()
    assert sum(node.macs for node in first[1]) > 8 * 27 * 16 * 16 * 2
