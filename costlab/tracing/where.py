"""Where a forward stopped, in the words of the model: module path, operation and the user's line.

Does not know how to go on; it only describes.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from costlab.errors import TraceError, words_of
from costlab.inputspec import format_spec
from costlab.tracing.numbered import RAGGED
from costlab.tracing.stops import SCRIPTED, reason_of_script

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType, TracebackType

    from costlab.graph import TensorSpec
    from costlab.tracing.scopes import Scopes

HERE = Path(__file__).parent
TORCH = str(Path(torch.__file__).parent) + os.sep
FOR_OTHERS = frozenset({TORCH + "_tensor.py", TORCH + "storage.py"})
"""Where torch hands on what others ask of a tensor, such as `__cuda_array_interface__`."""
OURS = str(HERE.parent) + os.sep
ZOO = str(HERE.parent / "zoo") + os.sep
RUN = str(HERE / "forward.py")
"""The file that calls the forward: what is outside of that is no part of the model."""
WAYS_OUT = {
    "NestedTensorImpl": RAGGED,
    "does not require grad and does not have a grad_fn": (
        "the forward asks for gradients itself, and what a trace makes has no history; trace the "
        "part that is differentiated, or write its derivative out"
    ),
    "Couldn't load custom C++ ops": (
        "torchvision's compiled operators (nms, roi_align) do not fit the torch that is installed: "
        "install the two that belong together, pip install --upgrade torch torchvision"
    ),
}
"""What is said instead of torch's own words where those do not tell what to do."""
LEVELS = 20
"""Levels of a path that a message tells in full."""
NO_REASON = (
    "scripted code stopped without a reason, as kernels of oneDNN do that are given no values"
)
"""What is said where TorchScript's interpreter does not tell why it stopped."""


class Failure(NamedTuple):
    """An operation that raised: its name, what it was given, and the error."""

    op: str
    operands: tuple[TensorSpec, ...]
    error: Exception


def explain(error: Exception, scopes: Scopes, failed: Failure | None) -> str:
    """A sentence: which module, in which operation on what, with which error, at which line."""
    path, module = _innermost(error.__traceback__, scopes)
    name = f"{_shortened(path)} ({module})" if path else module
    operation = ""
    if failed is not None and failed.error is error:
        operands = ", ".join(map(format_spec, failed.operands[:4]))
        operation = f" in {failed.op}({operands})"
    line = user_line(traceback.extract_tb(error.__traceback__))
    at = f" [{line}]" if line else ""
    # What the tracer itself says is a sentence; the user's own error keeps its class.
    said = (
        str(error) if isinstance(error, TraceError) else f"{type(error).__name__}: {_told(error)}"
    )
    return f"the forward stopped at {name}{operation}{at}: {said}"


def _told(error: Exception) -> str:
    """What an error says; of one in a script the reason, which TorchScript puts last."""
    text = words_of(error)
    if isinstance(error, RecursionError):
        return f"{text}: calls are nested too deep; raise sys.setrecursionlimit before"
    if SCRIPTED in text:
        return reason_of_script(text) or NO_REASON
    return next((way for sign, way in WAYS_OUT.items() if sign in text), text)


def _shortened(path: str) -> str:
    """A path of which no more than its two ends are told, where it is very long.

    >>> _shortened("encoder.layer.3"), _shortened(".".join("0" * 100))
    ('encoder.layer.3', '0.0.0…0.0.0, 100 levels deep')
    """
    parts = path.split(".")
    if len(parts) <= LEVELS:
        return path
    return f"{'.'.join(parts[:3])}…{'.'.join(parts[-3:])}, {len(parts)} levels deep"


def _innermost(trace: TracebackType | None, scopes: Scopes) -> tuple[str, str]:
    """The path and class of the last module whose method is on the traceback."""
    found = ("", "the model")
    paths = {id(module): path for path, module in reversed(scopes.modules)}
    while trace is not None:
        owner = trace.tb_frame.f_locals.get("self")
        if isinstance(owner, torch.nn.Module) and id(owner) in paths:
            found = (paths[id(owner)], type(owner).__name__)
        trace = trace.tb_next
    return found


def user_line(frames: Iterable[traceback.FrameSummary]) -> str:
    """The file and line of the last frame of a model: of a file of the user's, or of the zoo."""
    every = list(frames)
    names = [frame.filename for frame in every]
    within = every[names.index(RUN) + 1 :] if RUN in names else every
    own = [frame for frame in within if not _is_foreign(frame.filename)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def for_torch(frame: FrameType | None) -> bool:
    """Whether the code that is running asks for torch's own sake, as to see what shares memory.

    What torch tells other libraries of a tensor, it asks for theirs.
    """
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    file = "" if frame is None else frame.f_code.co_filename
    return file.startswith(TORCH) and file not in FOR_OTHERS


def _is_foreign(file: str) -> bool:
    """Whether a file is torch's or costlab's own, its zoo apart, or none at all."""
    return file.startswith((TORCH, OURS, "<")) and not file.startswith(ZOO)
