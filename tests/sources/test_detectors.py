"""Detectors: what they do with boxes depends on values, and is counted on real tensors."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
import torch

from costlab import cli, load
from costlab.graph import TensorSpec
from costlab.ops import price
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = "torchvision:fasterrcnn_mobilenet_v3_large_320_fpn(rpn_pre_nms_top_n_test=60)"
SMALL_REGION = 256 * 7 * 7 * 1024 + 1024 * 1024 + 1024 * (91 + 4 * 91)
"""Multiply-adds of the second stage for a region: two hidden layers, classes and their boxes."""
LEVELS = 3
"""Sizes of the image at which regions are proposed."""
ROI_ALIGN = (
    "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, "
    "SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor"
)


def kept(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """The boxes, best first, that overlap no better one by more than the threshold."""
    box_iou = torchvision().ops.box_iou
    order = scores.argsort(descending=True)
    left: list[int] = []
    while len(order):
        left.append(int(order[0]))
        overlap = box_iou(boxes[order[:1]], boxes[order[1:]])[0]
        order = order[1:][overlap <= iou_threshold]
    return torch.tensor(left, dtype=torch.long)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torchvision's compiled operators, or where they cannot be loaded the same in Python."""
    extension: Any = import_module(f"{torchvision().__name__}.extension")
    if extension._has_ops():
        yield
        return
    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    library.define(ROI_ALIGN)
    library.impl("roi_align", import_module("torchvision.ops.roi_align")._roi_align, "CPU")
    library.impl("nms", kept, "CPU")
    monkeypatch.setattr(extension, "_has_ops", lambda: True)
    yield
    library._destroy()


@pytest.mark.usefixtures("compiled")
def test_a_detector_is_run_with_its_weights(tmp_path: Path) -> None:
    """Nothing has to be said: the second stage is counted for the regions that there were."""
    path = tmp_path / "report.json"
    assert run(SMALL, f"json:{path}") == 0
    report: Any = load(path)
    first, *_ = report.warnings
    assert first.startswith("counted on real tensors and untrained weights, as on shapes alone")
    heads = report.block("roi_heads").cost.macs
    regions, rest = divmod(heads, SMALL_REGION)
    assert rest == 0
    assert 0 < regions <= 60 * LEVELS
    assert report.total.macs == 718_998_400 + heads
    assert "roi_align" not in {unknown.op for unknown in report.coverage.unknown}


def run(*arguments: str) -> int:
    """The exit code of a report that writes nothing but a file."""
    model, form = arguments
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", model, "--format", form, "--quiet"])
    return int(ended.value.code or 0)


def test_a_detector_without_its_operators_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where they do not fit torch, no run is begun that could not come to its end."""
    extension: Any = import_module(f"{torchvision().__name__}.extension")
    monkeypatch.setattr(extension, "_has_ops", lambda: False)
    assert run(SMALL, "text") == 2
    shown, told = capsys.readouterr()
    assert "--on real" not in shown + told
    assert "pip install --upgrade torch torchvision" in told
    assert "nonzero returns depends on values" in told


@pytest.mark.parametrize(("sampling_ratio", "each"), [(1, 5), (2, 4 * 5), (3, 9 * 5)])
def test_a_region_is_sampled(sampling_ratio: int, each: int) -> None:
    """Four taps and a sum a point, as many points as are asked for, and the kernel's own shape."""
    given = torch.zeros(2, 3, 16, 16), torch.tensor([[0, 1.0, 1, 9, 9], [1, 0, 0, 4, 6]])
    options: tuple[Any, ...] = (0.5, 5, 7, sampling_ratio, False)
    kernel: Any = import_module(f"{torchvision().__name__}.ops.roi_align")
    made = kernel._roi_align(*given, *options)
    specs = [TensorSpec(tuple(tensor.shape)) for tensor in given]
    effect = price("torchvision::roi_align", *specs, *options)
    assert effect.shape == tuple(made.shape) == (2, 3, 5, 7)
    assert effect.flops == each * made.numel()
