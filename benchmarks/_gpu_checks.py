"""The correctness part of a GPU study: the tests that need a device, and the memory checker.

Knows no study. Each runs in a process of its own, which ends when its time is over.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks._gpu_parts import OURS
from costlab.bench.studies import FACTORIZATIONS
from costlab.bench.study import Case, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

MARK = re.compile(r"(?<!\w)pytest\.mark\.gpu\b")
COUNTS = re.compile(r"(\d+) (passed|failed|errors?|skipped)")
SANITIZER = "compute-sanitizer"
TRIES = 2
"""How often a file may take all of the time that there is for the tests."""
LEAST_S = 10.0
"""With less time than this, no file is begun where there is a GPU to set up."""
FOUND = 86
"""What the memory checker is told to exit with if it finds something."""
TOLD = 2000
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONWARNINGS": "ignore"}
"""A plugin that happens to be installed must not decide whether a kernel is right."""

UNCACHED = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
"""Else a kernel that writes beyond a tensor writes into a block of torch's own, and is not seen."""


def marked(root: Path) -> list[str]:
    """The files with tests that need a GPU; others may import what is not installed."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return [
        str(file.relative_to(root))
        for file in files
        if MARK.search(file.read_text(encoding="utf-8"))
    ]


def pytest_command(files: Sequence[str]) -> list[str]:
    """The command that runs the tests marked gpu; a warning is no wrong result."""
    options = ["-m", "gpu", "-q", "-rs", "-p", "no:cacheprovider", "-W", "default"]
    settings = ["-o", "addopts=", "-o", "minversion=6"]
    return [sys.executable, "-m", "pytest", *options, *settings, *files]


def run_tests(
    root: Path,
    limit_s: float,
    *,
    has_gpu: bool,
    known: Mapping[str, Mapping[str, Any]] | None = None,
    keep: Callable[[dict[str, Any]], None] = lambda found: None,  # noqa: ARG005 - keeps nothing
    only: int | None = None,
) -> dict[str, Any]:
    """What the tests came to, a file after the other; those that are `known` are not run again.

    `keep` is given everything after each file. `finished` is False if the time was over before;
    a file that took all of it twice is left as not sound. With a GPU, tests that were all skipped
    are not sound. `only` runs so many of the files, the first.
    """
    wanted = marked(root)[:only]
    files: dict[str, dict[str, Any]] = {name: dict(one) for name, one in (known or {}).items()}
    end_s = time.monotonic() + limit_s
    for file in wanted:
        before = files.get(file, {})
        if before.get("finished") or before.get("tries", 0) >= TRIES:
            continue
        left_s = end_s - time.monotonic()
        if left_s < LEAST_S * has_gpu:
            break
        code, output, took_s = within(pytest_command([file]), root, left_s)
        last = (output.splitlines() or [""])[-1]
        counts = {name.rstrip("s"): int(number) for number, name in COUNTS.findall(last)}
        files[file] = {
            "finished": code is not None,
            "tries": before.get("tries", 0) + 1,
            "sound": code == 0,
            "passed": counts.get("passed", 0),
            "failed": counts.get("failed", 0) + counts.get("error", 0),
            "skipped": counts.get("skipped", 0),
            "seconds": round(took_s, 1),
            "output": output[-TOLD:] if code else "",
        }
        keep(files)
    return summed(files, wanted, has_gpu=has_gpu)


def summed(
    files: Mapping[str, Mapping[str, Any]], wanted: Sequence[str], *, has_gpu: bool
) -> dict[str, Any]:
    """What the files came to together."""
    done = [
        files[name]
        for name in wanted
        if name in files and (files[name]["finished"] or files[name]["tries"] >= TRIES)
    ]
    counts = {
        name: sum(one[name] for one in done) for name in ("passed", "failed", "skipped", "seconds")
    }
    return {
        "finished": len(done) == len(wanted),
        "sound": all(one["sound"] for one in done) and (counts["passed"] > 0 or not has_gpu),
        **counts,
        "output": "\n".join(one["output"] for one in done if one["output"])[-TOLD:],
        "files": dict(files),
    }


def smallest_cases() -> Iterator[tuple[str, str]]:
    """The smallest case of our own kernels, as `_gpu_side` reads it, for each factorization."""
    seen = set()
    for pair in sorted(FACTORIZATIONS.pairs, key=lambda pair: pair.variant.shape[0]):
        kind = pair.name.partition(",")[0]
        if kind in seen or pair.baseline is None:
            continue
        seen.add(kind)
        side = Side(pair.variant, "ours")
        case = Case(
            FACTORIZATIONS.name, pair.name, side, side, 1, "bf16", "nhwc", "bn_relu", "warm"
        )
        asked = {"case": asdict(case), "side": asdict(side), "device": "cuda", "seed": 0}
        yield pair.name, json.dumps(asked)


def run_sanitizer(root: Path, limit_s: float) -> dict[str, Any]:
    """What the memory checker found in the smallest cases of our own kernels, and why not if not.

    A case for which no time was left is not in `cases`.
    """
    if not OURS:
        return {"why": "there are no kernels of our own yet"}
    tool = shutil.which(SANITIZER)
    if tool is None:
        return {"why": f"{SANITIZER} is not on the path"}
    end_s, cases = time.monotonic() + limit_s, {}
    side = [sys.executable, "-m", "benchmarks._gpu_side"]
    for name, asked in smallest_cases():
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            break
        command = [tool, "--tool", "memcheck", "--error-exitcode", str(FOUND), *side]
        code, output, _ = within(command, root, left_s, asked, UNCACHED)
        if code is not None:
            cases[name] = "clean" if code == 0 else output[-TOLD:]
    return {"cases": cases}


def within(
    command: Sequence[str],
    root: Path,
    limit_s: float,
    text: str | None = None,
    besides: Mapping[str, str] | None = None,
) -> tuple[int | None, str, float]:
    """The exit code of a process, None if it was ended at its limit; its output; its seconds.

    With all that it started it is ended, also if this process is interrupted.
    """
    begun_s = time.monotonic()
    environment = {**os.environ, **ALONE, **(besides or {})}
    process = subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    code: int | None
    try:
        output, _ = process.communicate(text, timeout=max(limit_s, 0.01))
        code = process.returncode
    except subprocess.TimeoutExpired:
        end(process)
        output, code = process.communicate()[0], None
    except BaseException:
        end(process)
        raise
    return code, output, time.monotonic() - begun_s


def end(process: subprocess.Popen[str]) -> None:
    """Ends a process that leads a session of its own, and all that it started."""
    import signal

    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
