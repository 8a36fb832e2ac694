"""Models that launch kernels in Triton's language themselves; as a program it reports on them.

Triton reads TRITON_INTERPRET when a kernel is defined, so that those that run on a CPU want a
process of their own.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
import triton
import triton.language as tl
from torch import nn

import costlab

WIDTH = 16
loose: Any = triton
library: Any = torch.library


@triton.jit  # type: ignore[untyped-decorator]  # Triton leaves it untyped
def twice(x, o, n: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - Triton reads others
    """Two times a row."""
    i = tl.arange(0, n)
    tl.store(o + i, tl.load(x + i) * 2)


@triton.jit  # type: ignore[untyped-decorator]  # Triton leaves it untyped
def moved(x, positions, o, n: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - as above
    """A row written to other places, by pointers that have names of their own."""
    i = tl.arange(0, n)
    read, place = x + i, o + tl.load(positions + i)
    for _ in range(1):
        target = place
        tl.store(target, tl.load(read))


@triton.jit  # type: ignore[untyped-decorator]  # Triton leaves it untyped
def handed(x, o, n: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - as above
    """Hands its pointers to another kernel."""
    twice(x, o, n)


tuned = loose.autotune(configs=[loose.Config({"n": WIDTH})], key=[])(twice)
guessed = loose.heuristics({"n": lambda _: WIDTH})(twice)


class Launches(nn.Module):
    """A product, a kernel, and a product of what the kernel wrote."""

    def __init__(self, kernel: Any, **options: Any) -> None:
        super().__init__()
        self.kernel, self.options = kernel, options
        self.weight = nn.Parameter(torch.eye(WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Twice the input."""
        h = x @ self.weight
        o = torch.empty_like(h)
        self.kernel[(1,)](h, o, **self.options)
        return o @ self.weight


class Doubled(torch.autograd.Function):
    """The kernel with a backward of its own."""

    @staticmethod
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        """Twice the input."""
        o = torch.empty_like(x)
        twice[(1,)](x, o, n=WIDTH)
        return o

    @staticmethod
    def backward(_: Any, *gradients: torch.Tensor) -> torch.Tensor:
        """The gradient of that."""
        return 2 * gradients[0]


@library.custom_op("costlab_launched::custom", mutates_args=())  # type: ignore[untyped-decorator]  # torch leaves it untyped
def custom(x: torch.Tensor) -> torch.Tensor:
    """The kernel within a registered operation."""
    o = torch.empty_like(x)
    twice[(1,)](x, o, n=WIDTH)
    return o


@custom.register_fake  # type: ignore[untyped-decorator]  # as above
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


@library.triton_op("costlab_launched::wrapped", mutates_args=())  # type: ignore[untyped-decorator]  # as above
def wrapped(x: torch.Tensor) -> torch.Tensor:
    """The same, as torch wants it of kernels that its compiler may look into."""
    o = torch.empty_like(x)
    library.wrap_triton(twice)[(1,)](x, o, n=WIDTH)
    return o


class Calls(Launches):
    """The same network around a function of the input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the function makes of a product, multiplied again."""
        made: torch.Tensor = self.kernel(x @ self.weight) @ self.weight
        return made


class Overwrites(Launches):
    """A kernel that writes to a weight, and to a small tensor that the forward then reads."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As many as the kernel wrote above zero."""
        o = torch.zeros(WIDTH)
        twice[(1,)](x, o, n=WIDTH)
        twice[(1,)](x, self.weight, n=WIDTH)
        return o @ self.weight if bool(o.sum() > 0) else o


MODELS: dict[str, nn.Module] = {
    "plain": Launches(twice, n=WIDTH),
    "run": Calls(lambda h: (twice.run(h, h, WIDTH, grid=(1,), warmup=False), h)[1]),
    "tuned": Launches(tuned),
    "guessed": Launches(guessed),
    "with a backward": Calls(Doubled.apply),
    "custom": Calls(custom),
    "wrapped": Calls(wrapped),
    "overwrites": Overwrites(twice),
}


def twice_rule(x: Any, o: Any, n: int) -> costlab.Effect:
    """`o = 2 x`: an operation an element."""
    return costlab.Effect(o.shape, flops=min(n, x.shape[0]))


PRICED = {**costlab.OPS, "triton::twice": costlab.Op(twice_rule, "elementwise")}


def told(name: str, on: str, mode: str, *, priced: bool) -> Any:
    """What a report says of a model, or of why there is none; and whether its weight is as it was.

    The second product is by ones, so that what it returns is what the kernel wrote.
    """
    model = MODELS[name]
    before = model.weight.detach().clone()  # type: ignore[operator]  # a tensor
    inputs = torch.ones(WIDTH)
    try:
        report = costlab.analyze(model, inputs, on=on, mode=mode, ops=PRICED if priced else None)
    except costlab.TraceError as error:
        return {"error": str(error)}
    step = report.training
    return {
        "macs": report.total.macs,
        "flops": report.total.flops,
        "unknown": [[u.op, u.calls, u.elements] for u in report.coverage.unknown],
        "bound": report.is_lower_bound,
        "backward": step and [step.total.input_gradient_macs, step.total.weight_gradient_macs],
        "same": torch.equal(before, model.weight),  # type: ignore[arg-type]  # a tensor
    }


def main() -> None:
    """Answers questions, a line of JSON each, until there are no more."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(told(**json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
