"""What training costs, as a part of a report: values, and the plain data that they are saved as.

Knows neither graphs nor how the numbers come about.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

CONVENTION = (
    "Training: one step, each output of the model being handed its gradient. Input gradients are "
    "those of what depends on the model's inputs, weight gradients those of what comes from "
    "parameters alone; each is counted where something asks for it. What is kept for the backward "
    "is counted once, weights and buffers not."
)
"""What the counts of training mean, in two sentences."""


class BlockCost(NamedTuple):
    """What one block adds to a step of training; adds up over blocks.

    Units: multiply-adds, and bytes of what is kept from the forward for the backward.
    """

    forward_macs: int = 0
    input_gradient_macs: int = 0
    weight_gradient_macs: int = 0
    recomputed_macs: int = 0
    saved_bytes: int = 0

    @property
    def macs(self) -> int:
        """The multiply-adds of forward, recomputation and backward."""
        return sum(self[:4])

    def plus(self, other: BlockCost) -> BlockCost:
        """Both together."""
        return BlockCost(*map(add, self, other))


NOTHING = BlockCost()


@dataclass(frozen=True, slots=True)
class Memory:
    """The bytes that a step of training holds.

    Units: bytes. `peak_activation_bytes` is the most that activations, what is kept of them and
    their gradients take at once; `peak_bytes` the most of all: parameters, buffers, the optimizer's
    state, the parameters' gradients as they come, and activations.
    """

    parameter_bytes: int
    buffer_bytes: int
    gradient_bytes: int
    optimizer_state_bytes: int
    peak_activation_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Training:
    """What one step of training costs: forward, backward and the optimizer's update.

    `own` is what each block does itself, by path, where that is anything; `trainable` the elements
    that get a gradient; `optimizer_flops` the element-wise operations of the update. `unpriced` are
    operations whose backward no rule prices, so that the counts are a lower bound; `assumed` those
    that are taken to keep all that they read and write, as no entry says what they keep;
    `handwritten` the `autograd.Function`s of the model, whose own backward is not run: they are
    priced as if autograd differentiated their forward.
    """

    optimizer: str
    optimizer_flops: int
    trainable: int
    memory: Memory
    own: Mapping[str, BlockCost]
    unpriced: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    handwritten: tuple[str, ...] = ()
    convention: str = CONVENTION

    @property
    def total(self) -> BlockCost:
        """What all blocks add up to."""
        return self.block("")

    @property
    def is_estimate(self) -> bool:
        """Whether something was taken as it usually is: the counts may be off either way."""
        return bool(self.assumed or self.handwritten)

    @property
    def is_lower_bound(self) -> bool:
        """Whether the gradients of something were not counted."""
        return bool(self.unpriced)

    def block(self, path: str) -> BlockCost:
        """What a block and all blocks below it add; the empty path is the whole model."""
        found = NOTHING
        for own, cost in self.own.items():
            if not path or own == path or own.startswith(f"{path}."):
                found = found.plus(cost)
        return found

    def to_dict(self) -> dict[str, Any]:
        """The values as plain data, the way they are saved: exact integers, no rounding."""
        total = self.total
        return {
            "optimizer": self.optimizer,
            "convention": self.convention,
            "total": {
                **total._asdict(),
                "macs": total.macs,
                "optimizer_flops": self.optimizer_flops,
                "trainable": self.trainable,
                **{name: getattr(self.memory, name) for name in Memory.__slots__},
            },
            "blocks": [
                {"path": path, **{f"own_{name}": n for name, n in cost._asdict().items()}}
                for path, cost in self.own.items()
            ],
            "unpriced": list(self.unpriced),
            "assumed": list(self.assumed),
            "handwritten": list(self.handwritten),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Training:
        """The values that a document holds; the totals of its blocks it adds up anew.

        Raises:
            KeyError, TypeError: the document is damaged.
        """
        total = document["total"]
        return cls(
            optimizer=_text(document["optimizer"]),
            optimizer_flops=_count(total["optimizer_flops"]),
            trainable=_count(total["trainable"]),
            memory=Memory(**{name: _count(total[name]) for name in Memory.__slots__}),
            own={
                _text(block["path"]): BlockCost(
                    *(_count(block[f"own_{name}"]) for name in BlockCost._fields)
                )
                for block in document["blocks"]
            },
            unpriced=tuple(map(_text, document.get("unpriced", ()))),
            assumed=tuple(map(_text, document.get("assumed", ()))),
            handwritten=tuple(map(_text, document.get("handwritten", ()))),
            convention=_text(document["convention"]),
        )


def _count(value: Any) -> int:
    """A count, of which a document may hold something else."""
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no count of a step of training")
    return value


def _text(value: Any) -> str:
    """A text, of which a document may hold something else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
