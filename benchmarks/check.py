"""What a gate takes: `costlab check` of a repository of ten models beside the import of torch.

Knows no torch, as a child's memory begins at its parent's. Raw samples are kept; the bar is
reported, and nothing is asserted.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for benchmarks

from benchmarks import _environment
from costlab.zoo import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "check"
ROUNDS = 7
MODELS = 10
LIMIT_S = 3.0
"""What all models together may take above the import of torch."""
COMMAND = str(Path(sys.executable).with_name("costlab"))
FORMATS = ("text", "json:check.json", "junit:check.xml", "markdown:comment.md")


def budgets(names: Sequence[str]) -> str:
    """A budget file of these networks: each as a whole, and module by module."""
    models = [f'[models.{name}]\nmodel = "{name}"\n' for name in names]
    whole = '[[budgets]]\nid = "total"\nmacs = { max = "1T" }\nparams = { max = "1T" }\n'
    parts = '[[budgets]]\nid = "parts"\nmodules = ["**"]\nmacs = { max = "1T" }\n'
    growth = '[[budgets]]\nid = "growth"\nmacs = { max_increase = "0%" }\n'
    return "\n".join(['baseline = "file:costlab.baseline"', *models, whole, parts, growth])


def times_s(folder: Path, rounds: int) -> dict[str, list[float]]:
    """The wall time of both processes, in every round once; a first round is not kept."""
    commands = {
        "import torch": [sys.executable, "-c", "import torch"],
        "costlab check": [COMMAND, "check", *(f"--format={form}" for form in FORMATS)],
    }
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            start_s = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
            if number:
                samples[name].append(time.perf_counter() - start_s)
    return samples


def above_import_s(samples: Mapping[str, Sequence[float]]) -> float:
    """What a check takes above the import of torch: the median of the rounds' differences.

    Round by round, as a machine that is busy now and then changes both processes of a round.
    """
    pairs = zip(samples["costlab check"], samples["import torch"], strict=True)
    return median(check - load for check, load in pairs)


def main() -> None:
    """Measures, keeps the results and prints the bar."""
    names = list(islice(CATALOGUE, MODELS))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "costlab.toml").write_text(budgets(names), encoding="utf-8")
        update = [COMMAND, "baseline", "update"]
        subprocess.run(update, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        samples = times_s(folder, ROUNDS)
    found = bar(names, samples)
    results = {
        "versions": _environment.versions(("costlab", "torch")),
        "machine": _environment.machine(),
        "models": names,
        "samples_s": samples,
        "bars": [found],
    }
    _environment.keep(NAME, results)
    verdict = "pass" if found["holds"] else "FAIL"
    print(f"{verdict}  {found['name']}: {found['value']:.3g} s (at most {LIMIT_S:g})")


def bar(names: Sequence[str], samples: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What is to hold, with its figure."""
    value = above_import_s(samples)
    return {
        "name": f"`costlab check` of {len(names)} models above `import torch`",
        "value": value,
        "limit": LIMIT_S,
        "unit": "s",
        "holds": value <= LIMIT_S,
    }


if __name__ == "__main__":
    main()
