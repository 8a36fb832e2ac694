"""Why a figure of torchvision is not costlab's: each answer is computed, none is assumed.

Knows torchvision's two-stage detectors and auxiliary heads; does not know how results are kept.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch import nn

import costlab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks._torchvision_models import Subject

GIGA = 10**9
DECIMALS = 3
"""torchvision rounds its figures to as many."""


def agrees(macs: int, published_gmacs: float) -> bool:
    """Whether a count is the published one, to the digits that are published.

    >>> agrees(5_713_216_096, 5.713)
    True
    """
    return round(macs / GIGA, DECIMALS) == published_gmacs


def second_stage(
    subject: Subject, model: torch.nn.Module, first_stage_macs: int
) -> dict[str, Any] | None:
    """What a detector's second stage adds for each proposal and detection; None if it has none.

    How many there are depends on the image. The proposals are tried at none and at the model's own
    limit; the detections are those that fill the published figure, if their number is whole.
    """
    heads: Any = getattr(model, "roi_heads", None)
    if heads is None:
        return None
    rpn: Any = model.rpn
    channels = int(model.backbone.out_channels)  # type: ignore[arg-type, union-attr]  # a detector's backbone states it
    each_proposal = _macs_each(
        heads.box_head, heads.box_predictor, channels, heads.box_roi_pool.output_size
    )
    each_detection, branch = 0, ""
    for kind in ("mask", "keypoint"):
        if getattr(heads, f"has_{kind}")():
            branch = kind
            each_detection = _macs_each(
                getattr(heads, f"{kind}_head"),
                getattr(heads, f"{kind}_predictor"),
                channels,
                getattr(heads, f"{kind}_roi_pool").output_size,
            )
    limit = int(rpn.post_nms_top_n())
    told = {
        "first_stage_macs": first_stage_macs,
        "proposal_macs": each_proposal,
        "proposals_limit": limit,
        "proposal_score_threshold": float(rpn.score_thresh),
        "detection_branch": branch,
        "detection_macs": each_detection,
        "detections_limit": int(heads.detections_per_img),
    }
    fitting: dict[str, int | None] = {"proposals": None, "detections": None, "macs": None}
    for proposals in (limit, 0):
        macs = first_stage_macs + proposals * each_proposal
        rest = subject.published_gmacs * GIGA - macs
        detections = round(rest / each_detection) if each_detection else 0
        macs += detections * each_detection
        fits = 0 <= detections <= heads.detections_per_img
        if fits and agrees(macs, subject.published_gmacs):
            fitting = {"proposals": proposals, "detections": detections, "macs": macs}
            break
    return {**told, **fitting, "run": _run(subject, told)}


def _run(subject: Subject, told: Mapping[str, Any]) -> dict[str, Any]:
    """A run on noise with random weights, counted by FlopCounterMode, and the sum of the parts.

    The two say whether the parts are right, for as many regions as that run happened to have.
    """
    from torch.utils.flop_counter import FlopCounterMode

    model: Any = subject.build_real()
    regions = {"box": 0, "mask": 0, "keypoint": 0}

    def counting(kind: str) -> Callable[..., None]:
        def hook(_module: torch.nn.Module, args: Any) -> None:
            regions[kind] += len(args[0])

        return hook

    for kind in regions:
        head = getattr(model.roi_heads, f"{kind}_head", None)
        if head is not None:
            head.register_forward_pre_hook(counting(kind))
    image = torch.randn(subject.sizes()[0])
    with _operators(), FlopCounterMode(display=False) as counter, torch.no_grad():
        model([image])
    proposals, detections = regions["box"], regions["mask"] + regions["keypoint"]
    return {
        "proposals": proposals,
        "detections": detections,
        "flop_counter_macs": counter.get_total_flops() // 2,
        "sum_macs": told["first_stage_macs"]
        + proposals * told["proposal_macs"]
        + detections * told["detection_macs"],
    }


@contextmanager
def _operators() -> Iterator[None]:
    """Within it, torchvision's compiled operators are done in Python, without multiply-adds.

    Pooling picks features at random places: only its shape matters here.
    """

    def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
        from torchvision.ops import box_iou

        overlaps = box_iou(boxes, boxes) > iou_threshold
        dropped = torch.zeros(len(boxes), dtype=torch.bool)
        kept = []
        for index in scores.argsort(descending=True).tolist():
            if not dropped[index]:
                kept.append(index)
                dropped |= overlaps[index]
        return torch.tensor(kept, dtype=torch.int64)

    def roi_align(
        features: torch.Tensor, boxes: Any, output_size: tuple[int, int], **_options: object
    ) -> torch.Tensor:
        count = len(boxes) if isinstance(boxes, torch.Tensor) else sum(map(len, boxes))
        _, channels, height, width = features.shape
        places = torch.randint(height * width, (count * output_size[0] * output_size[1],))
        picked = features[0].flatten(1)[:, places]
        return picked.reshape(channels, count, *output_size).transpose(0, 1)

    with ExitStack() as patches:
        for place, stand_in in (
            ("torchvision.ops.boxes.nms", nms),
            ("torchvision.ops.boxes._assert_has_ops", lambda: None),
            ("torchvision.ops.poolers.roi_align", roi_align),
        ):
            patches.enter_context(mock.patch(place, stand_in))
        yield


def _macs_each(head: Any, predictor: Any, channels: int, output_size: Any) -> int:
    """The multiply-adds that a head and its predictor spend on one region."""
    height, width = output_size
    region = f"f32[1,{channels},{height},{width}]"
    return costlab.analyze(nn.Sequential(head, predictor), region, strict=True).total.macs


def auxiliary_heads(subject: Subject) -> dict[str, Any] | None:
    """The model's parameters with its auxiliary heads kept; None if it cannot be built so."""
    try:
        model = subject.build(aux_logits=True)
    except TypeError:
        return None
    return {"params": sum(parameter.numel() for parameter in model.parameters())}
