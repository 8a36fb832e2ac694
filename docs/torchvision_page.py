"""The page on torchvision's models, from `benchmarks/results/torchvision.json`.

It computes no count: what it says of a disagreement is what the sweep computed.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from costlab.units import exact, scale_seconds
from docs.parts import NOTICE, listed, table, versions_in_words
from docs.torchvision_agreement import counters_agree, macs_agree, params_agree
from docs.torchvision_reasons import disagreements, idle, published, quantized, stopped

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        *disagreements(built),
        "## Forwards that stop",
        *stopped(built),
        "## Quantized networks",
        *quantized(built),
        "## Parameters that do not run",
        *idle(built),
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
        table(
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
            f"process. Measured with {versions_in_words(versions)}; repeat it with "
            "`python benchmarks/torchvision_sweep.py --fresh`."
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
            f"{listed(heavy)} cannot be built without the memory of their weights, because their "
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
            table(
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
        published(told),
        "=" if macs_agree(told) else "≠",
        exact(told["params"]),
        "=" if params_agree(told) else f"≠ {exact(told['published']['params'])}",
        "=" if counters_agree(told) else exact(told["flop_counter"]["macs"]),
        scale_seconds(median(told["samples_s"])),
    )
