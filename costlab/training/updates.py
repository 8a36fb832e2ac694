"""The update of one element of a weight by each optimizer, as its paper writes it.

An update computes, on whatever has arithmetic: on floats it is the optimizer (a test holds it
against `torch.optim`), on numbers that count it tells its element-wise operations. Does not know
tensors. What is the same for all elements, such as 1 − β^t, costs nothing an element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

State = dict[str, Any]
"""What an optimizer keeps of an element from one step to the next, by torch's names."""
Update = Callable[[Any, Any, State, int], Any]
"""The new weight, of a weight, its gradient, its state (which is changed) and the step from 1."""

LR = 0.01
MOMENTUM = 0.9
ALPHA = 0.99
BETA1, BETA2 = 0.9, 0.999
EPS = 1e-8
WEIGHT_DECAY = 0.01


class Optimizer(NamedTuple):
    """An optimizer: its update, the state that it starts from, and where it is defined.

    `state` has the value that each element's entry starts from; `keeps_step` says whether torch
    keeps the number of steps beside them, one float32 a parameter.
    """

    name: str
    update: Update
    state: Mapping[str, float]
    keeps_step: bool
    source: str


def sgd(w: Any, g: Any, state: State, step: int) -> Any:
    """W ← w − η·g."""
    del state, step
    return w - LR * g


def sgd_momentum(w: Any, g: Any, state: State, step: int) -> Any:
    """B ← μ·b + g; w ← w − η·b."""
    del step
    state["momentum_buffer"] = MOMENTUM * state["momentum_buffer"] + g
    return w - LR * state["momentum_buffer"]


def _mean_square(g: Any, state: State) -> Any:
    state["square_avg"] = ALPHA * state["square_avg"] + (1 - ALPHA) * g * g
    return state["square_avg"]


def rmsprop(w: Any, g: Any, state: State, step: int) -> Any:
    """V ← α·v + (1−α)·g²; w ← w − η · g / (√v + ε)."""
    del step
    v = _mean_square(g, state)
    return w - LR * (g / (v**0.5 + EPS))


def rmsprop_momentum(w: Any, g: Any, state: State, step: int) -> Any:
    """V as of rmsprop; b ← μ·b + g / (√v + ε); w ← w − η·b."""
    del step
    v = _mean_square(g, state)
    state["momentum_buffer"] = MOMENTUM * state["momentum_buffer"] + g / (v**0.5 + EPS)
    return w - LR * state["momentum_buffer"]


def _variance(g: Any, state: State) -> Any:
    v = _mean_square(g, state)
    state["grad_avg"] = ALPHA * state["grad_avg"] + (1 - ALPHA) * g
    return v - state["grad_avg"] * state["grad_avg"]


def rmsprop_centered(w: Any, g: Any, state: State, step: int) -> Any:
    """V as of rmsprop; m ← α·m + (1−α)·g; w ← w − η · g / (√(v − m²) + ε)."""
    del step
    return w - LR * (g / (_variance(g, state) ** 0.5 + EPS))


def rmsprop_centered_momentum(w: Any, g: Any, state: State, step: int) -> Any:
    """V and m as of the centered one; b ← μ·b + g / (√(v − m²) + ε); w ← w − η·b."""
    del step
    scaled = g / (_variance(g, state) ** 0.5 + EPS)
    state["momentum_buffer"] = MOMENTUM * state["momentum_buffer"] + scaled
    return w - LR * state["momentum_buffer"]


def _moments(g: Any, state: State) -> tuple[Any, Any]:
    state["exp_avg"] = BETA1 * state["exp_avg"] + (1 - BETA1) * g
    state["exp_avg_sq"] = BETA2 * state["exp_avg_sq"] + (1 - BETA2) * g * g
    return state["exp_avg"], state["exp_avg_sq"]


def adam(w: Any, g: Any, state: State, step: int) -> Any:
    """M ← β₁·m + (1−β₁)·g; v ← β₂·v + (1−β₂)·g²; w ← w − η/(1−β₁^t) · m / (√v/√(1−β₂^t) + ε)."""
    m, v = _moments(g, state)
    return w - LR / (1 - BETA1**step) * (m / (v**0.5 / (1 - BETA2**step) ** 0.5 + EPS))


def adam_amsgrad(w: Any, g: Any, state: State, step: int) -> Any:
    """As adam, with the largest v until now in the place of v."""
    m, v = _moments(g, state)
    state["max_exp_avg_sq"] = largest = max(state["max_exp_avg_sq"], v)
    return w - LR / (1 - BETA1**step) * (m / (largest**0.5 / (1 - BETA2**step) ** 0.5 + EPS))


def adamw(w: Any, g: Any, state: State, step: int) -> Any:
    """W ← (1 − η·λ)·w, then as adam."""
    return adam((1 - LR * WEIGHT_DECAY) * w, g, state, step)


def adamw_amsgrad(w: Any, g: Any, state: State, step: int) -> Any:
    """W ← (1 − η·λ)·w, then as adam_amsgrad."""
    return adam_amsgrad((1 - LR * WEIGHT_DECAY) * w, g, state, step)


ROBBINS = "Robbins and Monro 1951; torch.optim.SGD"
POLYAK = "Polyak 1964, as torch.optim.SGD writes it"
HINTON = "Tieleman and Hinton 2012, Lecture 6.5; torch.optim.RMSprop"
GRAVES = "Graves 2013, equations 38-45; torch.optim.RMSprop"
KINGMA = "Kingma and Ba 2015, Algorithm 1; torch.optim.Adam"
LOSHCHILOV = "Loshchilov and Hutter 2019, Algorithm 2; torch.optim.AdamW"
REDDI = "Reddi et al. 2018, Algorithm 2; torch.optim.Adam"

_BUFFER = {"momentum_buffer": 0.0}
_SQUARE = {"square_avg": 0.0}
_MEAN = {"grad_avg": 0.0}
_MOMENTS = {"exp_avg": 0.0, "exp_avg_sq": 0.0}
_LARGEST = {**_MOMENTS, "max_exp_avg_sq": 0.0}

OPTIMIZERS: dict[str, Optimizer] = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("sgd", sgd, {}, False, ROBBINS),
        Optimizer("sgd-momentum", sgd_momentum, _BUFFER, False, POLYAK),
        Optimizer("rmsprop", rmsprop, _SQUARE, True, HINTON),
        Optimizer("rmsprop-momentum", rmsprop_momentum, {**_SQUARE, **_BUFFER}, True, HINTON),
        Optimizer("rmsprop-centered", rmsprop_centered, {**_SQUARE, **_MEAN}, True, GRAVES),
        Optimizer(
            "rmsprop-centered-momentum",
            rmsprop_centered_momentum,
            {**_SQUARE, **_MEAN, **_BUFFER},
            True,
            GRAVES,
        ),
        Optimizer("adam", adam, _MOMENTS, True, KINGMA),
        Optimizer("adam-amsgrad", adam_amsgrad, _LARGEST, True, REDDI),
        Optimizer("adamw", adamw, _MOMENTS, True, LOSHCHILOV),
        Optimizer("adamw-amsgrad", adamw_amsgrad, _LARGEST, True, REDDI),
    )
}
"""The optimizers by name; without weight decay, but for adamw."""
DEFAULT = "sgd-momentum"
"""With which the networks of the papers were trained, but for those that say otherwise."""
