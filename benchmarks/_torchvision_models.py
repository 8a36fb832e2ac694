"""torchvision's models as their default weights have them, and the inputs that those are made for.

Does not know what is counted. No weights are loaded: the builders run with the loading taken out.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch

from costlab.skeleton import build, skeleton

if TYPE_CHECKING:
    from collections.abc import Iterator

PHOTO = 512
"""Edge of the image that torchvision's counter gives each transform (`get_ops` in its
test/common_extended_utils.py); it matters where the transform does not resize."""
DETECTED = 800
"""Edge of the image that it gives detectors, but for these (`detection_models_input_dims` in its
test/test_extended_models.py)."""
DETECTED_OTHERWISE = {
    "fasterrcnn_mobilenet_v3_large_320_fpn": 320,
    "keypointrcnn_resnet50_fpn": 1333,
    "ssd300_vgg16": 300,
    "ssdlite320_mobilenet_v3_large": 320,
}
FRAMES = 16
"""Frames of the clip that it gives video models (as above)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model of torchvision by name, with its default weights' entry and its task."""

    name: str
    task: str
    weights: Any

    @property
    def published_params(self) -> int:
        """The parameters that the weights' metadata states."""
        return int(self.weights.meta["num_params"])

    @property
    def published_gmacs(self) -> float:
        """The cost that the weights' metadata states under `_ops`, in 10⁹ multiply-adds."""
        return float(self.weights.meta["_ops"])

    @property
    def source(self) -> Any:
        """The weights whose architecture is built: those that quantized ones were made from."""
        return self.weights.meta.get("unquantized", self.weights)

    def build(self, **arguments: Any) -> torch.nn.Module:
        """The model in eval mode, with the architecture that its weights ask for."""
        from torchvision.models import get_model

        with no_weights():
            model: torch.nn.Module = build(
                lambda: get_model(self.name, weights=self.source, **arguments)
            )
        return model.eval()

    def is_skeleton(self) -> bool:
        """Whether the model can be built without the memory of its weights."""
        from torchvision.models import get_model

        try:
            with no_weights(), skeleton():
                get_model(self.name, weights=self.source)
        except Exception:  # noqa: BLE001 - whatever its constructor computes, it is then built for real
            return False
        return True

    def build_quantized(self) -> torch.nn.Module:
        """The integer network itself, for the tasks that have one; its weights are random."""
        from torchvision.models import get_model

        model: torch.nn.Module = get_model(self.name, weights=None, quantize=True)
        return model.eval()

    def build_real(self) -> torch.nn.Module:
        """The model with random weights that are really there, the same in every run."""
        from torchvision.models import get_model

        torch.manual_seed(0)
        model: torch.nn.Module = get_model(self.name, weights=None, weights_backbone=None)
        return model.eval()

    def sizes(self) -> list[tuple[int, ...]]:
        """The shapes of the inputs, one an argument, batch 1."""
        options = getattr(self.weights.transforms, "keywords", {})
        edge = options.get("crop_size")
        if edge is None and self.task == "segmentation":
            edge = options.get("resize_size")
        if edge is None and self.task == "detection":
            edge = DETECTED_OTHERWISE.get(self.name, DETECTED)
        if edge is None:
            edge = PHOTO
        height, width = edge if isinstance(edge, tuple) else (edge, edge)
        image = (3, height, width)
        if self.task == "video":
            return [(1, 3, FRAMES, height, width)]
        if self.task == "detection":
            return [image]
        return [(1, *image)] * (2 if self.task == "optical_flow" else 1)

    def inputs(self) -> tuple[Any, ...]:
        """The arguments of the forward, on meta; a detector takes a list of images."""
        tensors = [torch.empty(size, device="meta") for size in self.sizes()]
        return (tensors,) if self.task == "detection" else tuple(tensors)


def subjects() -> list[Subject]:
    """Every model that torchvision registers, in alphabetical order."""
    from torchvision.models import get_model_builder, get_model_weights, list_models

    found = []
    for name in sorted(list_models()):
        home = get_model_builder(name).__module__.removeprefix("torchvision.models.")
        task = home.split(".")[0] if "." in home else "classification"
        weights: Any = get_model_weights(name)
        found.append(Subject(name, task, weights.DEFAULT))
    return found


@contextmanager
def no_weights() -> Iterator[None]:
    """Within it, a builder that is given weights shapes its model after them and loads none."""
    from torchvision.models import WeightsEnum

    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(WeightsEnum, "get_state_dict", _empty))
        patches.enter_context(mock.patch.object(torch.nn.Module, "load_state_dict", _empty))
        yield


def _empty(*_args: Any, **_kwargs: Any) -> dict[str, Any]:
    """What stands in for a checkpoint."""
    return {}
