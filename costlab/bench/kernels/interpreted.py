"""Whether Triton interprets kernels on the CPU in this process, as tests have it do.

It imports neither torch nor triton.
"""

from __future__ import annotations

import os


def interpreting() -> bool:
    """Whether TRITON_INTERPRET is set, which Triton reads when a kernel is defined."""
    return os.environ.get("TRITON_INTERPRET", "0").lower() in {"1", "true", "on", "yes", "y"}
