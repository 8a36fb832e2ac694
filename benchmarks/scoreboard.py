"""The scoreboard: every counter that is installed, on models and operations with a known answer.

    python benchmarks/scoreboard.py [--counter NAME …] [--home NAME=FOLDER …] [--seconds 120]

A counter in a folder of its own (two packages share the module name `thop`) is named by `--home`.
What is measured is kept after each counter; counters that are not asked for stay as they were.
Does not know how the results are shown (`docs/scoreboard_page.py`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for benchmarks and tests

import typer
from rich.console import Console

from benchmarks import _environment
from benchmarks._scoreboard_counters import COUNTERS

NAME = "scoreboard"
SIDE = Path(__file__).with_name("_scoreboard_side.py")
START_S = 60


def main(
    counter: Annotated[list[str], typer.Option(help="Only this one; repeatable.")] = [],  # noqa: B006 - typer copies it
    home: Annotated[list[str], typer.Option(help="NAME=FOLDER; repeatable.")] = [],  # noqa: B006 - as above
    seconds: Annotated[float, typer.Option(help="The most that a case may take.")] = 120,
) -> None:
    """Asks each counter about every case, and keeps what it says."""
    console = Console(stderr=True)
    homes = dict(text.partition("=")[::2] for text in home)
    for name in counter or COUNTERS:
        if name not in COUNTERS:
            message = f"there is no counter {name!r}; there are {', '.join(COUNTERS)}"
            raise typer.BadParameter(message)
        version = _version(COUNTERS[name].package, homes.get(name))
        if not version:
            console.print(f"{name}: not installed")
            continue
        with console.status(name) as status:
            told = ask(name, homes.get(name), seconds, status.update)
        keep(name, {"version": version, "cases": told})
        right = sum(1 for case in told if case.get("macs") == case["truth"])
        console.print(f"{name} {version}: {right} of {len(told)} exact")


def ask(name: str, home: str | None, seconds: float, progress: Any) -> list[dict[str, Any]]:
    """What a counter says of each case, in a process of its own, beside the truth."""
    from benchmarks._scoreboard_models import models
    from tests.ops.single_operations import CASES

    truth = {("operations", case.name): case.macs() for case in CASES}
    truth |= {("models", model.name): model.macs() for model in models()}
    here = dict(os.environ, OMP_NUM_THREADS="1")
    if home:
        here["PYTHONPATH"] = os.pathsep.join(filter(None, (home, here.get("PYTHONPATH"))))
    told = []
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(SIDE), name, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=here,
        text=True,
    ) as side:
        for line in side.stdout or ():
            if not line.startswith('{"group"'):
                continue  # a counter's own print while it was imported
            case = json.loads(line)
            case["truth"] = truth[case["group"], case["case"]]
            told.append(case)
            progress(f"{name}: {case['case']}")
    if len(told) != len(truth):
        message = f"{name}: {len(told)} of {len(truth)} cases came back; run {SIDE} by hand"
        raise RuntimeError(message)
    return told


def keep(name: str, told: dict[str, Any]) -> None:
    """Keeps what one counter said, beside the others."""
    results = _environment.kept(NAME)
    counters = results.get("counters", {}) | {name: told}
    _environment.keep(
        NAME,
        {
            "versions": _environment.versions(("costlab", "torch", "torchvision")),
            "machine": _environment.machine(),
            "counters": {each: counters[each] for each in COUNTERS if each in counters},
        },
    )


def _version(package: str, home: str | None) -> str:
    """The version of a package, in its folder if it has one of its own; empty if it is nowhere."""
    places = [home] if home else sys.path
    found: list[Distribution] = list(distributions(name=package, path=places))
    return found[0].version if found else ""


if __name__ == "__main__":
    typer.run(main)
