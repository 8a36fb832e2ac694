"""What papers claim about cost, what comes out, and the verdict; importing it loads no torch."""

from __future__ import annotations

from costlab.claims.document import ClaimVerdict, ReadingVerdict, Verdicts

__all__ = ["ClaimVerdict", "ReadingVerdict", "Verdicts"]
