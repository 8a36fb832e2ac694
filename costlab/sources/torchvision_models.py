"""`torchvision:NAME`: the models that torchvision registers, and the inputs they were trained on.

Does not know what they cost. Weights are never asked for.
"""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING, Any

from costlab.errors import SourceError
from costlab.sources.libraries import arguments, checked_import, library, one_of, quiet

if TYPE_CHECKING:
    from types import ModuleType

    import torch

    from costlab.sources.text import Words

SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
"""Operators that torchvision describes when it is imported, also where it cannot load them."""
KEPT_ALIVE: list[torch.library.Library] = []
"""A Library takes its definitions back when it is collected."""
UNFIT = (
    "torchvision's compiled operators (nms, roi_align) do not fit the torch that is installed: "
    "install the two that belong together, pip install --upgrade torch torchvision"
)
EXTRA = "zoo"
CHANNELS = 3


def build(words: Words, name: str) -> torch.nn.Module:
    """The model of a name, without weights.

    Raises:
        UsageError: torchvision lists no such model, or the arguments are not its.
        SourceError: torchvision is not there, or the model does not build.
    """
    from costlab.sources.factories import made_by

    given = arguments(words, "num_classes=10")
    models = _models()
    builder = models.get_model_builder(one_of(name, models.list_models(), "torchvision"))
    parameters = inspect.signature(builder).parameters
    # A backbone has weights by default.
    none = {key: None for key in ("weights", "weights_backbone") if key in parameters}
    with quiet():
        return made_by(builder, words._replace(kwargs={**none, **given}), words.place)


def inputs(words: Words, name: str, model: torch.nn.Module) -> tuple[str, ...] | None:
    """The input that a model's published weights are evaluated on; None if none is known.

    Of images the crop, or the side they are resized to; of clips the frames besides, which
    torchvision tells in the words that describe the weights; of a detector the size to which it
    resizes whatever it is given itself.
    """
    del words
    resizes: Any = getattr(model, "transform", None)
    if hasattr(resizes, "min_size") and hasattr(resizes, "fixed_size"):
        wide, high = resizes.fixed_size or (max(resizes.min_size),) * 2
        return (f"[f32[{CHANNELS},{high},{wide}]]",)
    listed = list(_models().get_model_weights(name))
    if not listed:
        return None
    weights = getattr(_models().get_model_weights(name), "DEFAULT", listed[0])
    transforms: Any = weights.transforms()
    size = getattr(transforms, "crop_size", None) or getattr(transforms, "resize_size", None)
    if not size:
        return None
    high, wide = (*size, *size)[:2]
    clip = re.search(r"clip_len=([0-9]+)", weights.meta.get("_docs", ""))
    frames = f"{clip[1]}," if clip else ""
    return (f"f32[1,{CHANNELS},{frames}{high},{wide}]",)


def obstacle() -> str:
    """What keeps a detector from being run to its end; the empty string if nothing does."""
    if checked_import("torchvision.extension")._has_ops():  # noqa: SLF001 - torchvision has no public name for it
        return ""
    return UNFIT


def imported() -> ModuleType:
    """torchvision, also where its compiled operators do not fit the torch that is installed.

    Its models are written in Python. Only what it does with boxes (`nms`, `roi_align`) is compiled,
    and a detector that comes to it says itself that it is missing: nothing is computed in its
    place. But the import describes two of these operators, and stops where they are not there, so
    that they are declared here, without anything that could run.

    Raises:
        SourceError: it does not import.
    """
    for _ in range(len(SCHEMAS) + 1):
        try:
            return checked_import("torchvision")
        except SourceError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None or missing[1] not in SCHEMAS:
                raise
            _declare(missing[1])
    return checked_import("torchvision")


def _declare(operator: str) -> None:
    import torch

    own = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    own.define(f"{operator}{SCHEMAS[operator]}")  # type: ignore[no-untyped-call]  # as above
    KEPT_ALIVE.append(own)
    # What the failed import left behind is half made.
    for module in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[module]


def _models() -> Any:
    library("torchvision", EXTRA)
    return checked_import("torchvision.models")
