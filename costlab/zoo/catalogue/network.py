"""What the catalogue says of a network: its name, its source, how it is built, what is published.

It is data, and builds nothing until asked; of a network it knows only what others have published.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Published:
    """A figure that a source gives for a network: its value, as printed, and where.

    A printed bound ("< 25 million") has the bound as its value.

    Units: `macs` are multiply-adds of one inference, batch 1; `params` are counts.
    """

    metric: Literal["macs", "params"]
    value: int
    printed: str
    source: str


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors that a source prints for a network, on the ILSVRC 2012 validation set.

    `crops` is how many crops of an image were evaluated, None where the source does not say;
    `models` how many networks voted.

    Units: per cent, as printed.
    """

    top1_error: float | None
    top5_error: float | None
    source: str
    crops: int | None = 1
    models: int = 1


Kind = Literal["network", "block", "factorization"]


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the zoo, or a part of one, with what it takes to build it.

    `builder` is a place, "package.module:Class", that is imported only when the network is built;
    `input_shape` is that of one image, without the batch; what is no network by itself has an
    argument `inputs`, the channels that it reads. `keys` tells for a library whose weights fit
    ("torchvision", "timm") the place of a function from our names of weights to theirs.
    """

    name: str
    title: str
    source: str
    builder: str
    input_shape: tuple[int, ...]
    arguments: Mapping[str, object] = field(default_factory=dict, hash=False)
    published: tuple[Published, ...] = ()
    accuracy: tuple[Accuracy, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict, hash=False)
    kind: Kind = "network"

    def shape(self, **arguments: object) -> tuple[int, ...]:
        """The shape of one image for `build(**arguments)`: its channels follow `inputs`."""
        channels, *grid = self.input_shape
        inputs = arguments.get("inputs", channels)
        # Nonsense is for the builder to refuse, who can say why.
        if type(inputs) is int and inputs > 0 and "inputs" in self.arguments:
            channels = inputs
        return (channels, *grid)

    def build(self, **arguments: object) -> nn.Module:
        """The network as a new module, on torch's current default device, in training mode.

        Arguments given here go before those of the catalogue.
        """
        builder: Callable[..., nn.Module] = _at(self.builder)
        return builder(**{**self.arguments, **arguments})

    def converted(
        self, state_dict: Mapping[str, Tensor], library: str, **arguments: object
    ) -> dict[str, Tensor]:
        """State dict for `build(**arguments)` out of one of the same network in a library.

        No tensor is copied or changed, only named anew.

        Raises:
            UsageError: no weights of this library fit, or an entry is missing or left over.
        """
        if library not in self.keys:
            known = " and ".join(self.keys) or "no library"
            raise UsageError(f"weights for {self.name} come from {known}, not from {library!r}")
        import torch

        with torch.device("meta"):
            ours = list(self.build(**arguments).state_dict())
        theirs: Callable[[Iterable[str]], Mapping[str, str]] = _at(self.keys[library])
        names = theirs(ours)
        missing = [name for name in names.values() if name not in state_dict]
        expected = set(names.values())
        unexpected = [name for name in state_dict if name not in expected]
        if missing or unexpected:
            given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
            raise UsageError(
                f"not a state dict of {library}'s {self.name}{f' with {given}' if given else ''}: "
                f"missing {_some(missing)}; unexpected {_some(unexpected)}"
            )
        return {name: state_dict[names[name]] for name in ours}


def _at(place: str) -> Any:
    """The object at a place, "package.module:name"."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def _some(keys: list[str], shown: int = 3) -> str:
    """The first few keys, and how many more there are."""
    rest = [f"and {len(keys) - shown} more"] if len(keys) > shown else []
    return ", ".join(keys[:shown] + rest) or "none"
