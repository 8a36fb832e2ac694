"""The catalogue: what each network of the zoo is called, where it comes from, and how it is built.

It is data, and builds nothing until asked; of a network it knows only what others have published.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from costlab.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn


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
class Network:
    """A network of the zoo, with what it takes to build it.

    `builder` is a place, "package.module:Class", that is imported only when the network is built;
    `input_shape` is that of one image, without the batch.
    """

    name: str
    title: str
    source: str
    builder: str
    input_shape: tuple[int, ...]
    arguments: Mapping[str, object] = field(default_factory=dict, hash=False)
    published: tuple[Published, ...] = ()

    def build(self, **arguments: object) -> nn.Module:
        """The network as a new module, on torch's current default device, in training mode.

        Arguments given here go before those of the catalogue.
        """
        module, _, attribute = self.builder.partition(":")
        builder: Callable[..., nn.Module] = getattr(import_module(module), attribute)
        return builder(**{**self.arguments, **arguments})


def find(name: str) -> Network:
    """The network of this name.

    >>> find("inception_v3").input_shape
    (3, 299, 299)

    Raises:
        UsageError: no network is called that; the message proposes the nearest name.

    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    raise UsageError(
        f"no network of the zoo is called {name!r}.{did_you_mean(name, CATALOGUE)} "
        "`costlab list` shows them all."
    )


CATALOGUE: dict[str, Network] = {
    "inception_v3": Network(
        name="inception_v3",
        title="Inception-v3",
        source="Szegedy et al. 2015, Rethinking the Inception Architecture for Computer Vision",
        builder="costlab.zoo.inception_v3:InceptionV3",
        input_shape=(3, 299, 299),
        arguments={"classes": 1000, "aux": True},
        published=(
            Published("macs", 5_000_000_000, "5 billion", "Szegedy et al. 2015, abstract"),
            Published("params", 25_000_000, "< 25 million", "Szegedy et al. 2015, abstract"),
            Published("macs", 4_800_000_000, "4.8 Bn", "Szegedy et al. 2015, Table 3, last row"),
            Published("params", 27_161_264, "27161264", "torchvision, weights' num_params"),
            Published("macs", 5_713_000_000, "5.713 G", "torchvision, weights' _ops"),
        ),
    ),
}
