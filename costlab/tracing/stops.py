"""Why a forward stops on shapes alone, and whether values would carry it further.

Does not know how a forward is carried further.
"""

from __future__ import annotations

import re

from costlab.errors import TraceError, words_of


class NeedsMoreError(TraceError):
    """A call that shapes alone do not answer: it needs a value, or a kernel that knows values."""


class OtherWayError(NeedsMoreError):
    """A forward that caught such an error, and came to its end by the way that it has for it."""


BY_VALUES = frozenset({
    "nonzero", "masked_select", "unique", "_unique", "_unique2", "unique_dim", "unique_consecutive",
    "repeat_interleave", "bincount", "__getitem__",
})  # fmt: skip
"""Operations of torch's own that make as much as the values say (an index, where it is a mask)."""


def no_kernel(name: str) -> str:
    """Why an operation could not be run on shapes, and the way out.

    >>> no_kernel("aten::nonzero")
    'what aten::nonzero returns depends on values, which shapes do not have'
    """
    if name.removeprefix("aten::") in BY_VALUES:
        return f"what {name} returns depends on values, which shapes do not have"
    return (
        f"{name} has no rule and no kernel that runs on shapes alone: what it returns depends on "
        "values, or torch knows it on real devices only; docs/adding-an-op.md tells how to give "
        "it a rule"
    )


SIGNS = (
    "meta tensor",
    "meta device",
    "device meta",
    "'Meta' backend",
    "FakeTensor",
    "not allocated yet",
    "not at the same device",
    "but it's on meta",
    "DispatchKey Undefined",
    "INTERNAL ASSERT FAILED",
)
"""What torch's own errors say where a tensor without values is the reason, or may be."""
BACKENDS = re.compile(r"\b(cpu|cuda|gpu|xpu|mps|hip|mkldnn|onednn|itensor\w*)\b", re.IGNORECASE)
"""What a kernel of one device or library names, which does not take tensors of another."""
SCRIPTED = "failed in the TorchScript interpreter"
"""In what TorchScript says of a kernel that stopped, be it without a word of its own."""
NO_FAKE = "no fake impl registered"
"""What torch says of an operation that was registered without its shapes."""


def has_no_kernel(error: RuntimeError) -> bool:
    """Whether an operation stopped because it has no kernel for shapes, and not by its operands."""
    return isinstance(error, NotImplementedError) or NO_FAKE in words_of(error)


def reason_of_script(text: str) -> str:
    r"""What an error of TorchScript's tells last, which is why it stopped; empty if it does not.

    >>> reason_of_script("The following operation failed\nRuntimeError: it is odd\n")
    'RuntimeError: it is odd'
    >>> reason_of_script("The following operation failed\nRuntimeError: \n")
    ''
    """
    last = text.strip().rpartition("\n")[2]
    return "" if last.endswith("Error:") else last


def _wants_more(text: str) -> bool:
    """Whether an error of torch's is one of tensors without values, or on another device."""
    if any(sign in text for sign in SIGNS) or BACKENDS.search(text):
        return True
    return SCRIPTED in text and not reason_of_script(text)


def needs_more(error: BaseException) -> bool:
    """Whether a forward stopped for want of values or of a kernel, and not by its own mistake.

    >>> needs_more(NotImplementedError()), needs_more(ValueError("of the model's own"))
    (True, False)
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, NeedsMoreError | NotImplementedError):
            return True
        if isinstance(cause, RuntimeError) and _wants_more(words_of(cause)):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False
