"""Where values leave torch, to be computed with by nobody knows whom.

Does not know how a forward is run.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from costlab.tracing.where import for_torch

if TYPE_CHECKING:
    import torch

LEAVING = {
    "numpy": "numpy",
    "__array__": "numpy",
    "__dlpack__": "dlpack",
    "tolist": "tolist",
    "data_ptr": "data_ptr",
    "__cuda_array_interface__": "data_ptr",
}
"""Calls after which torch does not see what is computed with a tensor, and what that is named."""


def leaves(name: str, tensors: list[torch.Tensor], *, varies: bool) -> bool:
    """Whether a call takes what is computed on out of torch; `varies`, not all have those values.

    A list of integers does not: those are sizes and positions, which decide and are not summed.
    What is written by a pointer may be anything, whatever was there before.
    """
    if name not in LEAVING:
        return False
    if LEAVING[name] == "data_ptr":
        return not for_torch(sys._getframe(1))  # noqa: SLF001 - there is no public name for it
    if name == "tolist" and not any(tensor.is_floating_point() for tensor in tensors):
        return False
    return varies
