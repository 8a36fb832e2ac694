"""Every model of torchvision: costlab's counts against torchvision's own and FlopCounterMode's.

Does not know how the results are shown (`docs/torchvision_page.py`). A run that was stopped goes
on where it was; `--fresh` begins anew.
"""

from __future__ import annotations

import gc
import re
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for benchmarks and tests

import torch
from rich.console import Console
from rich.progress import track

import costlab
from benchmarks import _environment
from benchmarks._torchvision_checks import agrees, auxiliary_heads, second_stage
from costlab.errors import CostlabError, TraceError

if TYPE_CHECKING:
    from benchmarks._torchvision_models import Subject

NAME = "torchvision"
PACKAGES = ("costlab", "torch", "torchvision")
REPEATS = 3


def main() -> None:
    """Sweeps what has not been swept with these versions and keeps each result at once."""
    if find_spec("torchvision") is None or find_spec("pytest") is None:
        print("skipped: the sweep needs torchvision: pip install 'costlab[test]'", file=sys.stderr)
        return
    from tests.torchvision_shim import torchvision

    warnings.simplefilter("ignore")  # torch's own, of quantization and of named tensors
    torchvision()
    from benchmarks._torchvision_models import subjects

    versions = _environment.versions(PACKAGES)
    results = _environment.kept(NAME)
    if "--fresh" in sys.argv[1:] or results.get("versions") != versions:
        results = {"versions": versions, "models": {}}
    swept: dict[str, Any] = results["models"]
    todo = [subject for subject in subjects() if subject.name not in swept]
    console = Console(stderr=True)
    for subject in track(
        todo, "models", console=console, disable=not console.is_terminal, transient=True
    ):
        swept[subject.name] = entry(subject)
        results["models"] = dict(sorted(swept.items()))
        _environment.keep(NAME, results)
        gc.collect()  # a model and its hooks form cycles, which would pile up
    _summarize(results["models"])


def entry(subject: Subject) -> dict[str, Any]:
    """What is known of one model: published, counted by costlab, counted by torch, and why."""
    told: dict[str, Any] = {
        "task": subject.task,
        "weights": subject.weights.name,
        "architecture": str(subject.source),
        "published": {"gmacs": subject.published_gmacs, "params": subject.published_params},
        "input_sizes": [list(size) for size in subject.sizes()],
    }
    try:
        model = subject.build()
    except Exception as error:  # noqa: BLE001 - that a model cannot be built is a result
        return {**told, "error": _said(error)}
    told["skeleton"] = subject.is_skeleton()
    told |= _counted(subject, model)
    checks: dict[str, Any] = {}
    if told["complete"] is False and (stage := second_stage(subject, model, told["macs"])):
        checks["second_stage"] = stage
    if told["params"] != subject.published_params and (aux := auxiliary_heads(subject)):
        checks["auxiliary_heads"] = aux
    if subject.task == "quantization":
        checks["integer_network"] = _integer_network(subject)
    told["checks"] = checks
    # Last, for it moves the model to meta.
    told["flop_counter"] = _flop_counter(subject, model)
    return told


def _analyzed(subject: Subject, model: torch.nn.Module) -> tuple[costlab.Report, str]:
    """The report, and where the forward stopped if it did."""
    try:
        return costlab.analyze(model, subject.inputs(), mode="eval"), ""
    except TraceError as error:
        if not isinstance(error.partial, costlab.Report):
            raise
        return error.partial, _said(error)


def _counted(subject: Subject, model: torch.nn.Module) -> dict[str, Any]:
    """What costlab counts; of a forward that stopped, what ran until then."""
    report, stopped = _analyzed(subject, model)
    taken_s = []
    for _ in range(REPEATS):
        start_s = time.perf_counter()
        _analyzed(subject, model)
        taken_s.append(time.perf_counter() - start_s)
    unknown = [[found.op, found.scope, found.calls] for found in report.coverage.unknown]
    return {
        "macs": report.total.macs,
        "params": report.total.params,
        "params_executed": report.total.params_executed,
        "complete": report.complete,
        "stopped": stopped,
        "operations": report.coverage.priced + report.coverage.free,
        "unknown": unknown,
        "samples_s": taken_s,
    }


def _integer_network(subject: Subject) -> dict[str, Any]:
    """What costlab says of the integer network, whose weights are no parameters."""
    try:
        model = subject.build_quantized()
    except Exception as error:  # noqa: BLE001 - that a model cannot be built is a result
        return {"built": False, "error": _said(error)}
    try:
        report = costlab.analyze(model, subject.inputs(), mode="eval")
    except CostlabError as error:
        return {"built": True, "error": _said(error)}
    unknown = sorted({unknown.op for unknown in report.coverage.unknown})
    return {"built": True, "error": "", "macs": report.total.macs, "unknown": unknown}


def _flop_counter(subject: Subject, model: torch.nn.Module) -> dict[str, Any]:
    """What torch's counter says on meta, in multiply-adds; of a stopped forward, until then."""
    from torch.utils.flop_counter import FlopCounterMode

    model.to("meta")
    start_s = time.perf_counter()
    error_said = ""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        try:
            model(*subject.inputs())
        except Exception as error:  # noqa: BLE001 - what stops costlab stops this counter, too
            error_said = _said(error)
    flops = counter.get_total_flops()
    return {
        "macs": flops // 2,
        "odd": bool(flops % 2),
        "error": error_said,
        "seconds": time.perf_counter() - start_s,
    }


def _said(error: Exception) -> str:
    """The kind of an error and the first sentence of its message, without the user's line."""
    first = (str(error).strip().splitlines() or [""])[0]
    sentence = re.sub(r" \[[^]]*:\d+\]", "", first).split(". ")[0].split(", as a correct")[0]
    return f"{type(error).__name__}: {sentence}"


def _summarize(models: dict[str, Any]) -> None:
    """Prints how many agree, and each that does not."""
    counted = {name: told for name, told in models.items() if "error" not in told}
    differ = [
        name
        for name, told in counted.items()
        if not agrees(told["macs"], told["published"]["gmacs"])
        or told["params"] != told["published"]["params"]
    ]
    exact = [n for n, told in counted.items() if told["macs"] == told["flop_counter"]["macs"]]
    print(f"{len(models)} models, {len(counted)} built, {len(counted) - len(differ)} as published")
    print(f"{len(exact)} equal to FlopCounterMode to the integer")
    for name in differ:
        told = counted[name]
        print(
            f"{name}: {told['macs'] / 1e9:.3f} G, published {told['published']['gmacs']}; "
            f"{told['params']:,} parameters, published {told['published']['params']:,}"
        )


if __name__ == "__main__":
    main()
