"""Convolutions, and the smaller ones in series that the Inception-v3 paper puts in their place.

It knows nothing of what they cost. Bare, each costs what its equation says, as each weight is one
multiply-add a position (§3): m filters are read, αm are written, g is the number of positions. The
grid is kept, an even patch being padded on one side alone.

Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision"
(arXiv:1512.00567), §3.1, §3.2 and §6. The paper gives no grids and widths to compare at; by default
they are those at which the released Inception-v3 has the factorized convolution: 64 filters and
96 at 35×35 (Mixed_5d), 192 at 17×17 (Mixed_6e).
"""

from __future__ import annotations

from math import isfinite

from costlab.errors import UsageError
from costlab.zoo.parts import Finish, Series, counted, finished


class Factorization(Series):
    """Convolutions in series, all of which widen the filter banks by the same factor (§3.1).

    k of them take m filters to αm in k steps of α^(1/k), each rounded to whole filters.

    Raises:
        UsageError: `inputs`, `alpha` or `finish` is nonsense.
    """

    def __init__(self, *patches: str, inputs: int, alpha: float, finish: Finish) -> None:
        counted("inputs", inputs)
        if not _positive(alpha):
            raise UsageError(f"alpha={alpha!r}: outputs by inputs, a positive number such as 1.5")
        blocks = {}
        for place, patch in enumerate(patches, start=1):
            filters = max(1, round(inputs * alpha ** (place / len(patches))))
            blocks[f"conv{place}_{patch}"] = f"{patch} {filters}"
        super().__init__(inputs, finished(finish), **blocks)


def _positive(number: object) -> bool:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return False
    return isfinite(number) and number > 0


def conv5x5(inputs: int = 64, *, alpha: float = 1.0, finish: Finish = "bare") -> Factorization:
    """One 5×5, which §3.1 factorizes: 25·αm²·g."""
    return Factorization("5x5", inputs=inputs, alpha=alpha, finish=finish)


def two_3x3(inputs: int = 64, *, alpha: float = 1.0, finish: Finish = "bare") -> Factorization:
    """Two 3×3 for one 5×5 (§3.1): 9·√α(1 + α)·m²·g, which is 9(1 + α) / 25√α of it."""
    return Factorization("3x3", "3x3", inputs=inputs, alpha=alpha, finish=finish)


def conv3x3(inputs: int = 96, *, alpha: float = 1.0, finish: Finish = "bare") -> Factorization:
    """One 3×3, which §3.2 factorizes: 9·αm²·g."""
    return Factorization("3x3", inputs=inputs, alpha=alpha, finish=finish)


def pair_3x1_1x3(inputs: int = 96, *, alpha: float = 1.0, finish: Finish = "bare") -> Factorization:
    """3×1, then 1×3, for one 3×3 (§3.2): 3·√α(1 + α)·m²·g, which is 6/9 of it if α = 1."""
    return Factorization("3x1", "1x3", inputs=inputs, alpha=alpha, finish=finish)


def two_2x2(inputs: int = 96, *, alpha: float = 1.0, finish: Finish = "bare") -> Factorization:
    """Two 2×2 for one 3×3 (§3.2): 4·√α(1 + α)·m²·g, which is 8/9 of it if α = 1."""
    return Factorization("2x2", "2x2", inputs=inputs, alpha=alpha, finish=finish)


def conv_nxn(
    inputs: int = 192, *, n: int = 7, alpha: float = 1.0, finish: Finish = "bare"
) -> Factorization:
    """One n×n, which §3.2 factorizes: n²·αm²·g."""
    side = counted("n", n)
    return Factorization(f"{side}x{side}", inputs=inputs, alpha=alpha, finish=finish)


def pair_1xn_nx1(
    inputs: int = 192, *, n: int = 7, alpha: float = 1.0, finish: Finish = "bare"
) -> Factorization:
    """1×n, then n×1, for one n×n (§3.2): n·√α(1 + α)·m²·g, which is 2/n of it if α = 1."""
    side = counted("n", n)
    return Factorization(f"1x{side}", f"{side}x1", inputs=inputs, alpha=alpha, finish=finish)


def three_3x3(inputs: int = 192, *, alpha: float = 1.0, finish: Finish = "bare") -> Factorization:
    """Three 3×3 for one 7×7, as in the stem (§6): 27·m²·g, which is 27/49 of it, if α = 1."""
    return Factorization("3x3", "3x3", "3x3", inputs=inputs, alpha=alpha, finish=finish)
