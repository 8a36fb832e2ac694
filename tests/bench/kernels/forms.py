"""Forwards that are written in less common ways: the same in launches, or refused with why."""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from costlab.bench.kernels import build
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable


class Two(nn.Module):
    """Two convolutions, and a forward that uses them in its own way."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 1)
        self.strided, self.pool = nn.Conv2d(6, 6, 3, stride=2, padding=1), nn.MaxPool2d(3, 2, 1)
        self.norm, self.relu = nn.BatchNorm2d(6), nn.ReLU()


class Usual(Two):
    """Layers as they follow one another in most networks, and a grid reduction."""

    def forward(self, x: Tensor) -> Tensor:
        """All that launches take: a convolution with its finish, another beside a pooling."""
        y = self.relu(self.norm(self.one(x)))
        return torch.cat([self.strided(y), self.pool(y)], dim=1)


class Between(Two):
    """Two convolutions of one value, and a layer between them whose result nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(6, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Both side by side."""
        one = self.one(x)
        self.pool(x)
        return torch.cat([one, self.two(x)], dim=1)


def written(forward: Callable[..., Tensor]) -> nn.Module:
    """Two convolutions in a class whose forward is given."""
    return cast("nn.Module", type("Written", (Two,), {"forward": forward})())


FORMS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "join by keyword": lambda self, x: torch.cat(tensors=[self.one(x), self.two(x)], dim=1),
    "join to a tensor": lambda self, x: torch.cat(
        [self.one(x), self.two(x)], 1, out=x.new_empty(2, 12, 4, 5)
    ),
    "join with nothing": lambda self, x: torch.cat([self.one(x), self.two(x), torch.empty(0)], 1),
    "join of a cut": lambda self, x: torch.cat(self.one(x).chunk(2, dim=1), 1),
    "layer by keyword": lambda self, x: self.two(self.relu(input=self.one(input=x))),
    "promoted": lambda self, x: torch.cat([self.one(x).double() / 3, self.two(x)], 1),
    "reduced": lambda self, x: torch.cat([self.strided(x), self.pool(x.double() / 3)], 1),
    "of another type": lambda self, x: torch.cat([self.one(x).half(), self.two(x).half()], 1),
    "one image": lambda self, x: self.one(x[0]) + self.two(x)[0],
}


@torch.no_grad()
def compared(network: nn.Module) -> dict[str, Any]:
    """A network as launches, against itself."""
    network.eval()
    x = torch.randn(2, 6, 4, 5).contiguous(memory_format=torch.channels_last)
    program = build(network, x)
    y, wanted = program(x.clone(memory_format=torch.preserve_format)), network(x)
    return {
        "error": float((y - wanted).double().norm() / wanted.double().norm()),
        "type": y.dtype == wanted.dtype,
        "launches": [one.partition(":")[0] for one in program.launches],
        "declined": list(program.declined),
    }


def formed(form: str) -> dict[str, Any]:
    """A forward that is written in a way of its own."""
    torch.manual_seed(0)
    return compared(written(FORMS[form]))


def compared_usual() -> dict[str, Any]:
    """Layers as they follow one another in most networks."""
    torch.manual_seed(0)
    return compared(Usual())


def replaced(layer: str, method: str) -> dict[str, Any]:
    """A network of which one layer, and no other of its class, does something else."""
    torch.manual_seed(0)
    network = Usual()
    setattr(network.get_submodule(layer), method, OTHERWISE[method, layer])
    return compared(network)


def replaced_for_all(kind: str, method: str) -> dict[str, Any]:
    """A network after a method of a class of torch's, or a function, was replaced by its double.

    What stands there has the name of what it replaced, as a wrapper has that is written with care.
    """
    torch.manual_seed(0)
    network = Usual().eval()
    holder = F if kind == "F" else getattr(nn, kind)
    before = getattr(holder, method)

    @wraps(before)
    def doubled(*args: Any, **kwargs: Any) -> Any:
        return 2 * before(*args, **kwargs)

    with mock.patch.object(holder, method, doubled):
        try:
            return compared(network)
        except ArmError as error:
            return {"refused": str(error)}


def hooked_for_all() -> str:
    """What is said of a network while there is a hook for all modules."""
    torch.manual_seed(0)
    hook = torch.nn.modules.module.register_module_forward_hook(lambda _module, _args, y: 2 * y)
    try:
        compared(Usual())
    except ArmError as error:
        return str(error)
    finally:
        hook.remove()
    return ""


def writing() -> dict[str, Any]:
    """A pooling that was replaced by what writes to its input, between two that read it."""
    torch.manual_seed(0)
    network = Between()
    setattr(network.pool, "forward", Tensor.neg_)  # noqa: B010 - mypy lets no method be assigned
    return compared(network)


def _circular(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The usual patch for images that can be tiled."""
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), weight, bias)


OTHERWISE: dict[tuple[str, str], Callable[..., Tensor]] = {
    ("_conv_forward", "one"): _circular,
    ("forward", "one"): Tensor.neg,
    ("forward", "norm"): Tensor.neg,
    ("forward", "relu"): Tensor.neg,
    ("forward", "pool"): partial(F.avg_pool2d, kernel_size=3, stride=2, padding=1),
}
"""What is called in a layer's place."""


def refused_form(kind: str) -> str:
    """What is said of a forward that the kernels do not take."""

    def default(self: Any, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y: Tensor = self.one(x)
        return y if mask is None else y * mask

    def several(self: Any, *images: Tensor) -> Tensor:
        return cast("Tensor", self.one(images[0]))

    def options(self: Any, x: Tensor, **_: Any) -> Tensor:
        return cast("Tensor", self.one(x))

    def valued(self: Any, x: Tensor) -> Tensor:
        return cast("Tensor", self.one(x) * x.max().item())

    forwards: dict[str, Callable[..., Tensor]] = {
        "default": default,
        "several": several,
        "options": options,
        "valued": valued,
        "own forward": FORMS["layer by keyword"],
    }
    network = written(forwards[kind]).eval()
    if kind == "own forward":
        setattr(network, "forward", network.get_submodule("one").forward)  # noqa: B010 - mypy lets no method be assigned
    x = torch.randn(1, 6, 4, 5).contiguous(memory_format=torch.channels_last)
    try:
        build(network, x)
    except ArmError as error:
        return str(error)
    return ""
