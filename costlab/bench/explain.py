"""Why a variant saves what it saves: the promise of its multiply-adds, and what becomes of it.

Knows neither torch nor a clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.bench.document import Explanation

if TYPE_CHECKING:
    from typing import TypeAlias

    from costlab.bench.document import Model

    Macs: TypeAlias = tuple[int, int]
    Models: TypeAlias = tuple[Model, Model]


_NOTHING = 1e-12


def stages(macs: Macs, models: Models) -> tuple[float, float, float, float, float]:
    """The saving that is expected as one effect after the other is taken into account.

    Of multiply-adds alone; with the memory roof; with separate passes; with partly filled waves;
    with launches. Each is 1 − variant / baseline of what is modelled until then, the baseline's
    being the first of a pair; an effect that finds nothing to save from says what the one before
    it says, and before the first that is 0.
    """
    baseline, variant = (_times(*side) for side in zip(macs, models, strict=True))
    savings: list[float] = []
    for before, after in zip(baseline, variant, strict=True):
        known = savings[-1] if savings else 0.0
        savings.append(1 - after / before if before > 0 else known)
    mac, memory, passes, waves, launch = savings
    return mac, memory, passes, waves, launch


def explain(macs: Macs, models: Models, ratio: float) -> Explanation:
    """The measured saving, 1 − ratio, in parts that add up to it.

    `ratio` is the variant's latency over the baseline's. The residual is all that is not modelled,
    the kernels' efficiency above all.

    >>> from costlab.bench.document import Model
    >>> same = Model(1e-5, 2e-5, 0.0, 1.2, 2e-6, "memory")
    >>> found = explain((100, 72), (same, same), ratio=0.9)
    >>> [round(part, 2) for part in (found.mac, found.memory, found.residual, found.saving)]
    [0.28, -0.28, 0.1, 0.1]
    """
    mac, memory, passes, waves, launch = stages(macs, models)
    known = (mac, memory - mac, passes - memory, waves - passes, launch - waves)
    # An effect that changes nothing may leave the last bit of a difference.
    first, second, third, fourth, fifth = (0.0 if abs(part) < _NOTHING else part for part in known)
    residual = 1 - ratio - (first + second + third + fourth + fifth)
    return Explanation(first, second, third, fourth, fifth, residual)


def _times(macs: int, model: Model) -> tuple[float, ...]:
    """What a side takes, with one effect more at each place; the first is in multiply-adds."""
    roof_s, passes_s = model.roof_s, model.passes_s
    waves_s = roof_s * model.waves + passes_s
    return macs, roof_s, roof_s + passes_s, waves_s, waves_s + model.floor_s
