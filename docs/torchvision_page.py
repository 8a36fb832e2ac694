"""The page on torchvision's models, from `benchmarks/results/torchvision.json`.

It computes no count: what it says of a disagreement is what the sweep computed.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from costlab.units import exact, scale_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOTICE = "<!-- Written by `make docs`; what stands here is changed where it comes from. -->"
GIGA = 10**9
DECIMALS = 3

Models = dict[str, dict[str, Any]]


def page(results: Mapping[str, Any]) -> str:
    """The page as Markdown: how the counts compare, each disagreement, and all models."""
    models: Models = results["models"]
    built = {name: told for name, told in models.items() if "error" not in told}
    parts = [
        "# torchvision's models",
        NOTICE,
        *_summary(models, built, results["versions"]),
        "## Disagreements",
        *_disagreements(built),
        "## Forwards that stop",
        *_stopped(built),
        "## Quantized networks",
        *_quantized(built),
        "## Parameters that do not run",
        *_idle(built),
        "## What cannot be built",
        *_unbuilt(models),
        "## All models",
        *_all(built),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(models: Models, built: Models, versions: Mapping[str, str]) -> list[str]:
    same_macs = [told for told in built.values() if macs_agree(told)]
    same_params = [told for told in built.values() if params_agree(told)]
    to_integer = [told for told in built.values() if counters_agree(told)]
    unknown = sum(bool(told["unknown"]) for told in built.values())
    ours = sum(median(told["samples_s"]) for told in built.values())
    theirs = sum(told["flop_counter"]["seconds"] for told in built.values())
    return [
        (
            "Every model that torchvision registers, counted with costlab and held against two "
            "others: the figures that torchvision publishes with its default weights (`_ops`, "
            "in 10⁹ multiply-adds with three decimals, and `num_params`), and torch's "
            "`FlopCounterMode`, which is asked on the meta device and must agree to the last "
            "digit."
        ),
        _table(
            ("", "models"),
            [
                ("registered by torchvision", len(models)),
                ("built", len(built)),
                ("MACs as published", len(same_macs)),
                ("parameters as published", len(same_params)),
                ("MACs equal to FlopCounterMode to the integer", len(to_integer)),
                ("with an operation that costlab does not know", unknown),
                (
                    "whose forward stops before its end",
                    sum(not m["complete"] for m in built.values()),
                ),
            ],
        ),
        (
            "Each model has the architecture that its default weights ask for (classes, "
            "auxiliary heads, image size), and no weights; it is in eval mode, batch 1, at the "
            "size that the weights' transforms crop to. Where these do not crop, the input is "
            "what torchvision gives its own counter: clips of 16 frames, 512 × 512 for optical "
            "flow, and a size for each detector (`get_ops` in its "
            "`test/common_extended_utils.py`, `detection_models_input_dims` in "
            "`test/test_extended_models.py`); segmentation has the size that its transforms "
            "resize to."
        ),
        (
            f"All of them together took costlab {scale_seconds(ours)} (the median of each model's "
            f"repetitions) and FlopCounterMode {scale_seconds(theirs)} (each model once), in one "
            f"process. Measured with {_versions(versions)}; repeat it with "
            "`python benchmarks/torchvision_sweep.py --fresh`."
        ),
    ]


def _disagreements(built: Models) -> list[str]:
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
        f"**Unexplained:** {_names(left)}." if left else "No disagreement is left unexplained."
    )
    if counters:
        parts.append(f"FlopCounterMode counts otherwise: {_names(counters)}.")
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
            f"**The second stage of a detector** ({_models(staged)}). How many regions it "
            "classifies depends on the values in the image, so that shapes alone do not tell, "
            "and costlab stops with what the first stage costs. Torchvision's figure is of one "
            "image of noise, with trained weights. Each region's cost is known, and the model's "
            "own limit of proposals gives the published figure:"
        ),
        _table(
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
                    _published(staged[name]),
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
        _table(
            ("model", "proposals", "detections", "FlopCounterMode", "sum of the parts", ""),
            [_run(name, stage["run"]) for name, stage in runs.items()],
        ),
    ]
    if guessed:
        parts.append(
            "The limit of proposals is the model's own (`rpn.post_nms_top_n()`); it was tried "
            "filled, and at none. The detections, which the mask and keypoint heads work on, have "
            "a limit, too, but are fewer on noise: here they are the whole number that gives the "
            f"published figure. For {_names(guessed)} that number is an inference, which only the "
            "trained weights could confirm; by chance, a whole number would fit at most once in "
            f"{exact(_chance(stages, guessed))} times."
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
            f"**Auxiliary heads** ({_models(headed)}). A quantized model publishes the parameters "
            "of its float weights, which here include a head for training that the builder of the "
            "quantized model leaves out; built with it, the count is the published one:"
        ),
        _table(
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


def _stopped(built: Models) -> list[str]:
    stopped = {name: told for name, told in built.items() if not told["complete"]}
    if not stopped:
        return ["No forward stops."]
    agreeing = [name for name, told in stopped.items() if macs_agree(told)]
    silent = [name for name in agreeing if "second_stage" not in stopped[name]["checks"]]
    unproposed = [name for name in agreeing if name not in silent]
    parts = [
        (
            "Detectors pick boxes by their scores, and what comes next has as many rows as "
            "boxes were picked. A trace has no scores. So costlab reports these forwards as "
            "incomplete and their totals as lower bounds; FlopCounterMode stops on meta at the "
            "same places."
        ),
        _table(
            ("model", "MACs until then", "published, G", "where"),
            [
                (f"`{name}`", exact(told["macs"]), _published(told), _place(told["stopped"]))
                for name, told in stopped.items()
            ],
            numeric_from=1,
            text_from=3,
        ),
    ]
    if silent:
        parts.append(
            f"Of {_names(silent)}, what ran is the published figure already: only boxes are picked "
            "after that."
        )
    if unproposed:
        thresholds = {
            exact_float(stopped[name]["checks"]["second_stage"]["proposal_score_threshold"])
            for name in unproposed
        }
        parts.append(
            f"Of {_names(unproposed)}, too, what ran is the published figure, although their "
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


def _quantized(built: Models) -> list[str]:
    quantized = {n: told for n, told in built.items() if "integer_network" in told["checks"]}
    if not quantized:
        return ["There are none."]
    networks = {name: told["checks"]["integer_network"] for name, told in quantized.items()}
    kernels = sorted(
        {
            told["error"].partition(" in ")[2].partition("(")[0]
            for told in networks.values()
            if told["built"] and told["error"]
        }
    )
    failed = [name for name, told in networks.items() if not told["built"]]
    agreeing = [name for name, told in quantized.items() if macs_agree(told)]
    stops = [name for name, told in networks.items() if told["built"] and told["error"]]
    counted = [name for name, told in networks.items() if told["built"] and not told["error"]]
    parts = [
        (
            f"The {len(quantized)} quantized models are counted as the float networks that they "
            "are made from, and so does torchvision: it publishes the figures of the float "
            "weights, since packed weights are no parameters (`test_schema_meta_validation` in "
            f"its `test/test_extended_models.py`). Of these, {len(agreeing)} have the published "
            "MACs."
        ),
    ]
    if stops:
        parts.append(
            f"Of the integer networks themselves (`quantize=True`), {len(stops)} stop at their "
            f"first convolution: the kernels {_names(kernels)} run on values only, and torch has "
            "no shapes for them."
        )
    if counted:
        parts.append(f"Traced as integer networks: {_names(counted)}.")
    parts += [f"`{name}` cannot be quantized here: {networks[name]['error']}." for name in failed]
    return parts


def _idle(built: Models) -> list[str]:
    idle = {
        name: told
        for name, told in built.items()
        if told["complete"] and told["params"] != told["params_executed"]
    }
    if not idle:
        return ["In eval mode every model uses all its parameters."]
    return [
        (
            "Registered, published and never used in eval mode; all other models that run to their "
            "end use all that they have:"
        ),
        _table(
            ("model", "parameters", "executed"),
            [
                (f"`{name}`", exact(told["params"]), exact(told["params_executed"]))
                for name, told in idle.items()
            ],
            numeric_from=1,
        ),
    ]


def _unbuilt(models: Models) -> list[str]:
    failed = {name: told["error"] for name, told in models.items() if "error" in told}
    heavy = [name for name, told in models.items() if not told.get("skeleton", True)]
    parts = [f"`{name}`: {error}." for name, error in failed.items()]
    if not failed:
        parts = ["Every model can be built."]
    if heavy:
        parts.append(
            f"{_names(heavy)} cannot be built without the memory of their weights, because their "
            "constructors run a forward; they are built with random ones."
        )
    return parts


def _all(built: Models) -> list[str]:
    tasks: dict[str, Models] = {}
    for name, told in built.items():
        tasks.setdefault(told["task"], {})[name] = told
    parts = [
        (
            "“=” is equal: to the digits that are published, and to the integer for "
            "FlopCounterMode; “≥” marks a lower bound."
        ),
    ]
    for task, models in tasks.items():
        parts += [
            f"### {task.replace('_', ' ').capitalize()}",
            _table(
                (
                    "model",
                    "input",
                    "MACs",
                    "published, G",
                    "",
                    "parameters",
                    "",
                    "FlopCounterMode",
                    "time",
                ),
                [_row(name, told) for name, told in models.items()],
                numeric_from=2,
            ),
        ]
    return parts


def _row(name: str, told: Mapping[str, Any]) -> tuple[object, ...]:
    bound = "" if told["complete"] and not told["unknown"] else "≥ "
    return (
        f"`{name}`",
        "×".join(map(str, told["input_sizes"][0])),
        bound + exact(told["macs"]),
        _published(told),
        "=" if macs_agree(told) else "≠",
        exact(told["params"]),
        "=" if params_agree(told) else f"≠ {exact(told['published']['params'])}",
        "=" if counters_agree(told) else exact(told["flop_counter"]["macs"]),
        scale_seconds(median(told["samples_s"])),
    )


def macs_agree(told: Mapping[str, Any]) -> bool:
    """Whether the multiply-adds are the published ones, to the digits that are published."""
    same: bool = round(told["macs"] / GIGA, DECIMALS) == told["published"]["gmacs"]
    return same


def params_agree(told: Mapping[str, Any]) -> bool:
    """Whether the parameters are the published ones."""
    same: bool = told["params"] == told["published"]["params"]
    return same


def counters_agree(told: Mapping[str, Any]) -> bool:
    """Whether FlopCounterMode counts the same multiply-adds, to the integer."""
    other = told["flop_counter"]
    same: bool = told["macs"] == other["macs"] and not other["odd"]
    return same


def explained_by_stages(told: Mapping[str, Any]) -> bool:
    """Whether the first stage and whole numbers of regions give the published figure."""
    macs = told["checks"].get("second_stage", {}).get("macs")
    return macs is not None and round(macs / GIGA, DECIMALS) == told["published"]["gmacs"]


def explained_by_heads(told: Mapping[str, Any]) -> bool:
    """Whether the parameters are the published ones once the auxiliary heads are built."""
    params = told["checks"].get("auxiliary_heads", {}).get("params")
    same: bool = params == told["published"]["params"]
    return same


def exact_float(value: float) -> str:
    """A float without needless digits."""
    return f"{value:g}"


def _giga(macs: int) -> str:
    return f"{macs / GIGA:.{DECIMALS}f}"


def _published(told: Mapping[str, Any]) -> str:
    return f"{told['published']['gmacs']:.{DECIMALS}f}"


def _models(models: Models) -> str:
    """How many models, in words.

    >>> _models({"a": {}})
    '1 model'
    """
    return f"{len(models)} model{'' if len(models) == 1 else 's'}"


def _names(names: Iterable[str]) -> str:
    """Names in a sentence."""
    *most, last = [f"`{name}`" for name in names]
    return f"{', '.join(most)} and {last}" if most else last


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _table(
    titles: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numeric_from: int = 1,
    text_from: int | None = None,
) -> str:
    """A pipe table; columns from `numeric_from` on stand right, from `text_from` on left again."""
    end = len(titles) if text_from is None else text_from
    rules = ["---:" if numeric_from <= column < end else ":---" for column in range(len(titles))]
    lines = [titles, rules, *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
