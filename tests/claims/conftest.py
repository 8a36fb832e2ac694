"""The whole ledger, judged once for all tests of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from costlab.claims.lab import Lab
from costlab.claims.ladder import LADDER
from costlab.claims.ledger import judge_all
from costlab.claims.sections import SECTIONS

if TYPE_CHECKING:
    from costlab.claims.document import Verdicts


@pytest.fixture(scope="session")
def lab() -> Lab:
    """A lab that keeps what it has traced for all tests."""
    return Lab()


@pytest.fixture(scope="session")
def verdicts(lab: Lab) -> Verdicts:
    """The verdicts on all claims but the ladder."""
    return judge_all(SECTIONS, lab, {"costlab": "0"})


@pytest.fixture(scope="session")
def ladder(lab: Lab) -> Verdicts:
    """The verdicts on the two rungs of the ladder."""
    return judge_all([LADDER], lab, {"costlab": "0"})
