"""Every model of timm: analyzed on shapes, beside what FlopCounterMode counts on meta.

    python benchmarks/timm_sweep.py [--fresh] [--only GLOB]

Runs on every core that there is, and goes on where it was stopped: a model is kept when it is done.
What other code or other versions counted is counted anew. A model whose process dies is told so.
Does not know how the results are shown (`docs/timm_page.py`).
"""

from __future__ import annotations

import gc
import os
import sys
import time
import warnings
from collections import Counter
from fnmatch import fnmatch
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for benchmarks and tests

import typer
from rich.console import Console

from benchmarks import _environment
from benchmarks._pool import each, followed

Told = dict[str, Any]

NAME = "timm"
PACKAGES = ("costlab", "torch", "timm")
RUNS = 3
KEEP_EACH = 20
LONGEST = 200
SLOWEST = 10
SAMPLED_S = 3.0
NOT_COUNTING = {"bench", "budgets", "claims", "cli", "onnx", "render", "schemas", "sources", "zoo"}
"""The parts of costlab that no count of a model depends on."""


def main(
    fresh: Annotated[bool, typer.Option(help="Begin anew.")] = False,
    only: Annotated[str, typer.Option(help="Only models of this name.")] = "*",
) -> None:
    """Sweeps what has not been swept with these versions and this code."""
    if find_spec("timm") is None:
        print("skipped: the sweep needs timm: pip install 'costlab[zoo]'", file=sys.stderr)
        return
    console = Console(stderr=True)
    cores = len(os.sched_getaffinity(0))
    setting = {"versions": _environment.versions(PACKAGES), "code": fingerprint()}
    results = _environment.kept(NAME)
    if fresh or any(results.get(key) != told for key, told in setting.items()):
        if results.get("models") and not fresh:
            told = f"the {len(results['models']):,} kept models were counted by other code"
            if only != "*":
                message = f"{told}: sweep all of them anew, or give them up with --fresh"
                raise typer.BadParameter(message)
            console.print(f"{told}: all are counted anew")
        results = {**setting, "machine": _environment.machine(), "swept_s": 0.0, "models": {}}
    swept: dict[str, Told] = results["models"]
    todo = [name for name in _names() if name not in swept and fnmatch(name, only)]
    start, before = time.perf_counter(), results["swept_s"]
    for number, (name, found) in enumerate(
        followed(each(todo, cores, entry, prepared), todo, console, KEEP_EACH), start=1
    ):
        swept[name] = found
        if number % KEEP_EACH == 0 or number == len(todo):
            results["models"] = swept = dict(sorted(swept.items()))
            results["swept_s"] = before + time.perf_counter() - start
            _environment.keep(NAME, results)
    if todo:
        results["slowest"] = dict(each(slowest(swept), 1, explained, prepared))
        _environment.keep(NAME, results)
    _summarize(swept)


def fingerprint() -> str:
    """A hash of the code that a count comes from."""
    import costlab

    house = Path(costlab.__file__).parent
    told = sha256()
    for path in sorted(house.rglob("*.py")):
        if path.relative_to(house).parts[0] not in NOT_COUNTING:
            told.update(str(path.relative_to(house)).encode() + b"\0" + path.read_bytes())
    return told.hexdigest()[:16]


def prepared() -> None:
    """What a process needs before timm is imported: one thread, no warnings, torchvision whole."""
    import torch

    from benchmarks._networks import torchvision_models

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    torchvision_models()


def _names() -> list[str]:
    prepared()
    import timm

    return list(timm.list_models())


def entry(name: str) -> tuple[str, dict[str, Any]]:
    """A model's name, and what costlab and FlopCounterMode say of it, or why there is nothing.

    Units: `samples_s`, `build_s` and `flop_counter_s` seconds.
    """
    import timm
    import torch

    from costlab.skeleton import build

    start = time.perf_counter()
    try:
        with torch.device("meta"):
            model = build(lambda: timm.create_model(name, pretrained=False)).eval()
    except Exception as error:  # noqa: BLE001 - that a model cannot be built is a result
        return name, {"error": f"not built: {_said(error)}"}
    sizes = (1, *getattr(model, "pretrained_cfg", {}).get("input_size", (3, 224, 224)))
    told = {"input": list(sizes), "build_s": time.perf_counter() - start}
    told |= _counted(model, sizes)
    told["flop_counter"] = _flop_counter(model, sizes)
    del model
    gc.collect()  # a model and its hooks form cycles, which would pile up
    return name, told


def slowest(models: dict[str, Told]) -> list[str]:
    """The models whose analysis takes longest, the longest first."""
    timed = {name: median(told["samples_s"]) for name, told in models.items() if "macs" in told}
    return sorted(timed, key=timed.__getitem__, reverse=True)[:SLOWEST]


def explained(name: str) -> tuple[str, Told]:
    """A model's name, where its analysis spends its time, and what it has much of.

    Units: `where` samples of a stack, at even distances in time.
    """
    import timm
    import torch

    from benchmarks._sampling import sampled
    from costlab import analyze, trace
    from costlab.skeleton import build

    with torch.device("meta"):
        model = build(lambda: timm.create_model(name, pretrained=False)).eval()
    given = (_spec(model),)
    nodes = trace(model, given, mode="eval").nodes
    return name, {
        "calls": dict(Counter(node.op for node in nodes).most_common()),
        "modules": sum(1 for _ in model.modules()),
        "weights": sum(1 for _ in (*model.parameters(), *model.buffers())),
        "where": sampled(lambda: analyze(model, given, mode="eval"), SAMPLED_S),
    }


def _spec(model: Any) -> str:
    """One image of the size that a model is configured for."""
    sizes = getattr(model, "pretrained_cfg", {}).get("input_size", (3, 224, 224))
    return f"f32[{','.join(map(str, (1, *sizes)))}]"


def _counted(model: Any, sizes: tuple[int, ...]) -> dict[str, Any]:
    """What costlab counts, and what its rules say that FlopCounterMode would."""
    from costlab import analyze
    from costlab.conventions.deriving import explain
    from costlab.conventions.tools import TOOLS
    from costlab.errors import CostlabError

    given = (f"f32[{','.join(map(str, sizes))}]",)
    samples = []
    try:
        report = analyze(model, given, mode="eval")
        for _ in range(RUNS):
            start = time.perf_counter()
            analyze(model, given, mode="eval")
            samples.append(time.perf_counter() - start)
    except CostlabError as error:
        return {"stopped": _said(error)}
    derived = explain(model, given, [TOOLS["FlopCounterMode"]], mode="eval", name="")
    return {
        "macs": report.total.macs,
        "params": report.total.params,
        "operations": report.coverage.priced + report.coverage.free,
        "unknown": [[found.op, found.calls] for found in report.coverage.unknown],
        "warnings": [text for text in report.warnings if "unknown" not in text],
        "samples_s": samples,
        "derived": derived.counters[0].macs,
        "terms": [list(term) for term in derived.counters[0].terms],
    }


def _flop_counter(model: Any, sizes: tuple[int, ...]) -> dict[str, Any]:
    """What torch's counter says on meta, in multiply-adds.

    Where it fails without gradients, which its tracking of modules can want, with them.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    error_said = ""
    for gradients in (False, True):
        start = time.perf_counter()
        try:
            with (
                torch.device("meta"),
                FlopCounterMode(display=False) as counter,
                torch.set_grad_enabled(gradients),
            ):
                model(torch.empty(sizes))
        except Exception as error:  # noqa: BLE001 - a failure of another tool is a result
            error_said = _said(error)
            continue
        taken = time.perf_counter() - start
        return {"macs": counter.get_total_flops() // 2, "flop_counter_s": taken}
    return {"error": error_said}


def _said(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:LONGEST]


def _summarize(models: dict[str, Any]) -> None:
    """Prints how many were counted in full, and each that FlopCounterMode counts otherwise."""
    counted = {name: told for name, told in models.items() if "macs" in told}
    whole = [name for name, told in counted.items() if not told["unknown"]]
    agree = [n for n, told in counted.items() if told["flop_counter"].get("macs") == told["macs"]]
    print(f"{len(models)} models, {len(counted)} analyzed, {len(whole)} without an unknown")
    print(f"{len(agree)} equal to FlopCounterMode to the integer")
    for name, told in models.items():
        if name not in agree:
            print(name, {key: told[key] for key in told if key not in {"samples_s", "input"}})


if __name__ == "__main__":
    typer.run(main)
