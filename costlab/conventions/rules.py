"""What a rule of a counter's convention is: where it applies, how much it adds, and why.

Knows no counter and no model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from costlab.conventions.places import Place

Amount = Callable[[Place], int]
"""What a counter adds for a place, in its multiply-adds."""

CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d"})
TRANSPOSED = frozenset({"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})
MATRIX_PRODUCTS = frozenset({"matmul", "mm", "bmm"})
ADDED_PRODUCTS = frozenset({"addmm", "baddbmm"})
CELLS = frozenset({"lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"})
ANY = frozenset({"*"})
"""Each call of a module, whatever its class."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a counter adds at places of these operations, or at calls of these classes of torch's.

    `reason` says in words what is counted. A rule that `replaces` counts the place's own
    multiply-adds, rightly or not: what it adds stands in their stead, and only the difference has a
    reason. `when` narrows it down.
    """

    at: frozenset[str]
    amount: Amount
    reason: str
    replaces: bool = False
    when: Callable[[Place], bool] = field(default=lambda _: True)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Operations of which a counter may make something else than its rules say, and why.

    Views are among them. `when` narrows it down.
    """

    at: frozenset[str]
    reason: str
    when: Callable[[Place], bool] = field(default=lambda _: True)


@dataclass(frozen=True, slots=True)
class Tool:
    """A counter's convention.

    `package` is what is installed, `version` the version that the rules were read from; `unit` is
    what its number is called, and `per_mac` how many of them are a multiply-add. `by_module` are
    rules at calls of modules (by hook), `by_operation` at operations (patched functions, a jit
    trace, dispatched kernels). `unseen` is the reason where a contraction is in neither. A counter
    that is `always_eval` measures that mode, whatever mode is asked for; one that is
    `per_image` divides what modules add by the batch. One that is `traced` reads a trace from which
    what comes to nothing is left out. Where it `encloses` a module, it counts by
    the rule `enclosing` what that does itself, and nothing that the modules in it do. Where
    there is a place of one of its `doubts`, its number is not exact.
    """

    name: str
    package: str
    version: str
    how: str
    unit: str
    unseen: str
    per_mac: int = 1
    by_module: tuple[Rule, ...] = ()
    by_operation: tuple[Rule, ...] = ()
    always_eval: bool = False
    per_image: bool = False
    encloses: Callable[[Any], bool] = field(default=lambda _: False)
    enclosing: Rule | None = None
    doubts: tuple[Doubt, ...] = ()
    traced: bool = False


ATTENTIONS = frozenset({"MultiheadAttention", "TransformerEncoderLayer"})
"""What torch has as one operation as well, which it takes in eval mode where it may."""


def on_the_fast_path(place: Place) -> bool:
    """Whether it is of attention that torch may run at once, as no weight wants a gradient."""
    return (
        place.kind in ATTENTIONS
        and not place.training
        and not any(parameter.requires_grad for parameter in place.module.parameters())
    )


FAST_PATH = Doubt(
    ANY,
    "attention without gradients may run as one operation of torch's, which is not seen",
    on_the_fast_path,
)


def macs(place: Place) -> int:
    """The multiply-adds, as costlab counts them."""
    return place.macs


def nothing(_: Place) -> int:
    """Nothing at all, where there is something to count."""
    return 0


def read(times: int) -> Amount:
    """So many an element of the first operand."""
    return lambda place: times * place.read


def written(times: int) -> Amount:
    """So many an element of the result."""
    return lambda place: times * place.written


def affine(scaled: int, plain: int) -> Amount:
    """So many an element that is normalized: with weights of its own, and without."""
    return lambda place: place.read * (scaled if place.is_affine else plain)


def bias(place: Place) -> int:
    """One an element of the result where a bias is added."""
    return place.written if place.has_bias else 0


def first_by_last(place: Place) -> int:
    """The elements of the first operand times the last size of the second."""
    return place.read * place.weight[-1]
