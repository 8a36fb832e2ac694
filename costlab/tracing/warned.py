"""Warnings that are raised while a forward is traced, told of the model's line that caused them.

A warning names the line that called what warns, which in a trace is one of costlab's: it calls
torch in the model's place. Python would also show it once for all models, as it is that one line.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import torch

from costlab.tracing.calls import Interception
from costlab.tracing.where import OURS, RUN, TORCH, ZOO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from costlab.tracing.calls import Handler

OVERRIDES = str(torch.overrides.__file__)
"""By which torch's functions hand themselves over."""
SHOWN = Interception("_showwarnmsg", warnings)
"""What Python calls with a warning that no filter stops, after it has found the line."""


def at_users_lines() -> Iterator[tuple[Interception, Handler]]:
    """What has the warnings of this thread tell the line of the model.

    Nothing where Python does not show them by that function, which it has for itself.
    """
    if hasattr(warnings, SHOWN.method):
        yield SHOWN, _show


def _show(call: Any, told: Any, args: Any, kwargs: Any) -> None:
    """Shows a warning; one that names a line of costlab's is raised anew where the model stands."""
    del args, kwargs
    frames = list(_frames(told.filename)) if is_ours(told.filename) else []
    if not frames:
        call(told)
        return
    own, *others = frames
    # Python has noted there that it has told of it: the next model would not be told.
    own.f_globals.get("__warningregistry__", {}).clear()
    within = [
        frame
        for frame in others
        if not is_ours(frame.f_code.co_filename) and frame.f_code.co_filename != OVERRIDES
    ]
    users = [frame for frame in within if not frame.f_code.co_filename.startswith((TORCH, "<"))]
    for frame in (*users, *within)[:1]:
        warnings.warn_explicit(
            told.message,
            told.category,
            frame.f_code.co_filename,
            frame.f_lineno,
            frame.f_globals.get("__name__"),
            frame.f_globals.setdefault("__warningregistry__", {}),
        )
        return
    call(told)


def is_ours(file: str) -> bool:
    """Whether a file is costlab's and no model of its zoo."""
    return file.startswith(OURS) and not file.startswith(ZOO)


def _frames(file: str) -> Iterator[FrameType]:
    """The frames from the innermost of a file on, up to where the forward was called."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as inspect does, without its lists
    while frame is not None and frame.f_code.co_filename != file:
        frame = frame.f_back
    while frame is not None and frame.f_code.co_filename != RUN:
        yield frame
        frame = frame.f_back
