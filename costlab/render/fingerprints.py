"""What a finding is known by from one run to the next, so that services can follow it.

It holds what was limited, not how much it came to nor on which line that stands.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costlab.budgets.checks import Check, Problem


def fingerprint(check: Check) -> str:
    """The fingerprint of a check: its budget, subject and metric, and which of its limits it is."""
    kind = check.rule.partition("=")[0].strip()
    return _digest("check", check.budget, check.model, check.subject, check.metric, kind)


def of_problem(problem: Problem) -> str:
    """The fingerprint of something that could not be said."""
    return _digest("problem", problem.model, problem.text)


def _digest(*parts: str) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()
