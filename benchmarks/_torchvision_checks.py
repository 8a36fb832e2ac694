"""Why a figure of torchvision is not costlab's: each answer is computed, none is assumed.

Knows torchvision's two-stage detectors and auxiliary heads; does not know how results are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

import costlab

if TYPE_CHECKING:
    import torch

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
    for proposals in (limit, 0):
        macs = first_stage_macs + proposals * each_proposal
        rest = subject.published_gmacs * GIGA - macs
        detections = round(rest / each_detection) if each_detection else 0
        macs += detections * each_detection
        fits = 0 <= detections <= heads.detections_per_img
        if fits and agrees(macs, subject.published_gmacs):
            return {**told, "proposals": proposals, "detections": detections, "macs": macs}
    return {**told, "proposals": None, "detections": None, "macs": None}


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
