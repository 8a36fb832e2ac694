"""torchvision as an oracle, also beside a torch that its compiled operators do not fit.

It knows only how to import torchvision, and skips the test that asks for it where there is none.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from types import ModuleType

# A Library takes its definitions back when it is collected, so it is kept here.
KEPT_ALIVE: list[torch.library.Library] = []


def torchvision() -> ModuleType:
    """torchvision, or a skip of the calling test that gives the reason."""
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed: pip install 'costlab[zoo]'")
    with warnings.catch_warnings():
        # Its image reader warns that its own compiled part is missing, too.
        warnings.simplefilter("ignore")
        try:
            return import_module("torchvision")
        except RuntimeError as error:
            if "torchvision::nms does not exist" not in str(error):
                raise
        _define_nms()
        return import_module("torchvision")


def _define_nms() -> None:
    """Define the two operators that the import describes; neither is ever run."""
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    for name in ("nms", "qnms"):
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]  # as above
    KEPT_ALIVE.append(library)
    # What the failed import left behind is half made.
    for module in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[module]
