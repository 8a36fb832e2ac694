"""Why a figure of torchvision is not costlab's, in words; each reason is what the sweep computed.

Does not know the models that agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costlab.units import exact
from docs.parts import listed, table
from docs.torchvision_agreement import (
    DECIMALS,
    GIGA,
    counters_agree,
    explained_by_heads,
    explained_by_stages,
    macs_agree,
    params_agree,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Models = dict[str, dict[str, Any]]


def disagreements(built: Models) -> list[str]:
    """Each model whose MACs or parameters are not as published, by reason."""
    macs = {name: told for name, told in built.items() if not macs_agree(told)}
    params = {name: told for name, told in built.items() if not params_agree(told)}
    counters = {name: told for name, told in built.items() if not counters_agree(told)}
    staged = {name: told for name, told in macs.items() if explained_by_stages(told)}
    headed = {name: told for name, told in params.items() if explained_by_heads(told)}
    left = sorted({*macs, *params} - {*staged, *headed})
    parts = []
    if staged:
        parts += _two_stages(staged, built)
    if headed:
        parts += _heads(headed)
    parts.append(
        f"**Unexplained:** {listed(left)}." if left else "No disagreement is left unexplained."
    )
    if counters:
        parts.append(f"FlopCounterMode counts otherwise: {listed(counters)}.")
    return parts


def _two_stages(staged: Models, built: Models) -> list[str]:
    stages = {name: told["checks"]["second_stage"] for name, told in staged.items()}
    runs = {
        name: told["checks"]["second_stage"]
        for name, told in built.items()
        if "second_stage" in told["checks"]
    }
    guessed = [name for name, stage in stages.items() if stage["detection_macs"]]
    parts = [
        (
            f"**The second stage of a detector** ({_in_words(staged)}). How many regions it "
            "classifies depends on the values in the image, so that shapes alone do not tell, "
            "and costlab stops with what the first stage costs. Torchvision's figure is of one "
            "image of noise, with trained weights. Each region's cost is known, and the model's "
            "own limit of proposals gives the published figure:"
        ),
        table(
            (
                "model",
                "first stage",
                "proposals × MACs each",
                "detections × MACs each",
                "sum, G",
                "published, G",
            ),
            [
                (
                    f"`{name}`",
                    exact(stage["first_stage_macs"]),
                    f"{stage['proposals']} × {exact(stage['proposal_macs'])}",
                    f"{stage['detections']} × {exact(stage['detection_macs'])}"
                    if stage["detection_macs"]
                    else "",
                    _giga(stage["macs"]),
                    published(staged[name]),
                )
                for name, stage in stages.items()
            ],
            numeric_from=1,
        ),
    ]
    parts += [
        (
            "That the parts are right was tried on runs with random weights and an image of "
            "noise, whose regions were counted as they went through the heads. FlopCounterMode "
            "counted the multiply-adds of the whole run:"
        ),
        table(
            ("model", "proposals", "detections", "FlopCounterMode", "sum of the parts", ""),
            [_run(name, stage["run"]) for name, stage in runs.items()],
        ),
    ]
    if guessed:
        parts.append(
            "The limit of proposals is the model's own (`rpn.post_nms_top_n()`); it was tried "
            "filled, and at none. The detections, which the mask and keypoint heads work on, are "
            "the whole number up to their limit that gives the published figure, for "
            f"{listed(guessed)}; by chance, one would fit about once in "
            f"{exact(_chance(stages, guessed))} times. How many regions there were in "
            "torchvision's own run is thus an inference, which only the trained weights could "
            "confirm; what each costs is not."
        )
    return parts


def _run(name: str, run: Mapping[str, Any]) -> tuple[object, ...]:
    counted, summed = run["flop_counter_macs"], run["sum_macs"]
    same = "=" if counted == summed else "≠"
    return f"`{name}`", run["proposals"], run["detections"], exact(counted), exact(summed), same


def _chance(stages: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> int:
    """How many published figures lie between two neighbouring numbers of detections, at least."""
    return min(int(stages[name]["detection_macs"] / (GIGA / 10**DECIMALS)) for name in names)


def _heads(headed: Models) -> list[str]:
    return [
        (
            f"**Auxiliary heads** ({_in_words(headed)}). A quantized model publishes the "
            "parameters of its float weights, which here include a head for training that the "
            "builder of the quantized model leaves out; built with it, the count is the "
            "published one:"
        ),
        table(
            ("model", "built by default", "with `aux_logits=True`", "published"),
            [
                (
                    f"`{name}`",
                    exact(told["params"]),
                    exact(told["checks"]["auxiliary_heads"]["params"]),
                    exact(told["published"]["params"]),
                )
                for name, told in headed.items()
            ],
            numeric_from=1,
        ),
    ]


def stopped(built: Models) -> list[str]:
    """The models whose forward stops before its end, and what ran until then."""
    halted = {name: told for name, told in built.items() if not told["complete"]}
    if not halted:
        return ["No forward stops."]
    agreeing = [name for name, told in halted.items() if macs_agree(told)]
    silent = [name for name in agreeing if "second_stage" not in halted[name]["checks"]]
    unproposed = [name for name in agreeing if name not in silent]
    parts = [
        (
            "Detectors pick boxes by their scores, and what comes next has as many rows as "
            "boxes were picked. A trace has no scores. So costlab reports these forwards as "
            "incomplete and their totals as lower bounds; FlopCounterMode stops on meta at the "
            "same places."
        ),
        table(
            ("model", "MACs until then", "published, G", "where"),
            [
                (f"`{name}`", exact(told["macs"]), published(told), _place(told["stopped"]))
                for name, told in halted.items()
            ],
            numeric_from=1,
            text_from=3,
        ),
    ]
    if silent:
        parts.append(f"Of {listed(silent)}, what ran is the published figure already.")
    if unproposed:
        thresholds = {
            _plain(halted[name]["checks"]["second_stage"]["proposal_score_threshold"])
            for name in unproposed
        }
        parts.append(
            f"Of {listed(unproposed)}, too, what ran is the published figure, although their "
            "second stages have weights: the figure has room for not one proposal. These models "
            f"drop proposals that score below {' or '.join(sorted(thresholds))}, the other "
            "two-stage ones none, so that noise seems to have left nothing to classify. On a "
            "photograph they cost more than is published."
        )
    return parts


def _place(stopped: str) -> str:
    """The module and the operation at which a forward stopped."""
    place = stopped.partition("stopped at ")[2].partition(": ")[0]
    return f"`{place}`"


def quantized(built: Models) -> list[str]:
    """The models that are quantized: their float networks, and their integer ones."""
    floats = {n: told for n, told in built.items() if "integer_network" in told["checks"]}
    if not floats:
        return ["There are none."]
    networks = {name: told["checks"]["integer_network"] for name, told in floats.items()}
    kernels = sorted(
        {
            told["error"].partition(" in ")[2].partition("(")[0]
            for told in networks.values()
            if told["built"] and told["error"]
        }
    )
    failed = [name for name, told in networks.items() if not told["built"]]
    agreeing = [name for name, told in floats.items() if macs_agree(told)]
    stops = [name for name, told in networks.items() if told["built"] and told["error"]]
    counted = [name for name, told in networks.items() if told["built"] and not told["error"]]
    parts = [
        (
            f"The {len(floats)} quantized models are counted as the float networks that they "
            "are made from, and so does torchvision: it publishes the figures of the float "
            "weights, since packed weights are no parameters (`test_schema_meta_validation` in "
            f"its `test/test_extended_models.py`). Of these, {len(agreeing)} have the published "
            "MACs."
        ),
    ]
    if stops:
        parts.append(
            f"Of the integer networks themselves (`quantize=True`), {len(stops)} stop at their "
            f"first convolution: the kernels {listed(kernels)} run on values only, and torch has "
            "no shapes for them."
        )
    if counted:
        parts.append(f"Traced as integer networks: {listed(counted)}.")
    parts += [f"`{name}` cannot be quantized here: {networks[name]['error']}." for name in failed]
    return parts


def idle(built: Models) -> list[str]:
    """The models that have parameters which an inference does not use."""
    unused = {
        name: told
        for name, told in built.items()
        if told["complete"] and told["params"] != told["params_executed"]
    }
    if not unused:
        return ["In eval mode every model uses all its parameters."]
    return [
        (
            "Registered, published and never used in eval mode; all other models that run to their "
            "end use all that they have:"
        ),
        table(
            ("model", "parameters", "executed"),
            [
                (f"`{name}`", exact(told["params"]), exact(told["params_executed"]))
                for name, told in unused.items()
            ],
            numeric_from=1,
        ),
    ]


def _plain(value: float) -> str:
    """A float without needless digits."""
    return f"{value:g}"


def _in_words(models: Models) -> str:
    """How many models, in words.

    >>> _in_words({"a": {}})
    '1 model'
    """
    return f"{len(models)} model{'' if len(models) == 1 else 's'}"


def _giga(macs: int) -> str:
    return f"{macs / GIGA:.{DECIMALS}f}"


def published(told: Mapping[str, Any]) -> str:
    """The published cost with all its decimals, in 10⁹."""
    return f"{told['published']['gmacs']:.{DECIMALS}f}"
