"""Input specs: the text form of what goes into a forward, `f32[1,3,299,299]` or `x=(f32[1],True)`.

Knows nothing of torch.
"""

from costlab.inputspec.container import Argument, Literal, Value, format_argument, read
from costlab.inputspec.tensor import (
    DTYPES,
    LARGEST_SIZE,
    MOST_ELEMENTS,
    InputSpec,
    format_spec,
    parse,
)

__all__ = [
    "DTYPES",
    "LARGEST_SIZE",
    "MOST_ELEMENTS",
    "Argument",
    "InputSpec",
    "Literal",
    "Value",
    "format_argument",
    "format_spec",
    "parse",
    "read",
]
