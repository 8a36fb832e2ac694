"""The ledger's contents: every claim, section by section; importing it loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.claims.inception_v3 import (
    architecture,
    asymmetric,
    auxiliary,
    conclusions,
    factorization,
    guide,
    introduction,
    label_smoothing,
    reductions,
    resolution,
    results,
    review,
    training,
)
from costlab.claims.ledger import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.claims.ledger import Claim

SECTIONS = (
    Section(
        "What people know",
        (
            factorization.TWO_3X3,
            asymmetric.PAIR_3X1,
            asymmetric.TWO_2X2,
            introduction.COST,
            introduction.SIZE,
        ),
    ),
    introduction.SECTION,
    factorization.SECTION,
    auxiliary.SECTION,
    reductions.SECTION,
    architecture.SECTION,
    label_smoothing.SECTION,
    training.SECTION,
    resolution.SECTION,
    results.SECTION,
    conclusions.SECTION,
    review.SECTION,
    guide.SECTION,
)


def claims() -> Iterator[Claim]:
    """Every claim of the ledger, in its order."""
    for section in SECTIONS:
        yield from section.claims
