"""The correctness part of a GPU study: the tests that need a device.

Knows no study. Each file runs in a process of its own, which ends when its time is over.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks._gpu_leash import leashed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MARK = re.compile(r"(?<!\w)pytest\.mark\.gpu\b")
COUNTS = re.compile(r"(\d+) (passed|failed|errors?|skipped)")
TRIES = 2
"""How often a file may take all of the time that there is for the tests."""
LEAST_S = 10.0
"""With less time than this, no file is begun where there is a GPU to set up."""
MOST_PROCESSES = 6
"""Each holds a context of the GPU, and waits for the others' kernels."""
TOLD = 2000
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONWARNINGS": "ignore"}
"""A plugin that happens to be installed must not decide whether a kernel is right."""


def marked(root: Path) -> list[str]:
    """The files with tests that need a GPU; others may import what is not installed."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return [
        str(file.relative_to(root))
        for file in files
        if MARK.search(file.read_text(encoding="utf-8"))
    ]


def pytest_command(files: Sequence[str], processes: int = 1) -> list[str]:
    """The command that runs the tests marked gpu; a warning is no wrong result.

    What the sanitizer watches is left out: `_gpu_sanitizer` has it.
    """
    options = ["-m", "gpu", "-q", "-rs", "-p", "no:cacheprovider", "-W", "default"]
    settings = ["-o", "addopts=", "-o", "minversion=6", "-k", "not no_stray_access"]
    beside = ["-p", "xdist.plugin", "-n", str(processes)] if processes > 1 else []
    return [sys.executable, "-m", "pytest", *options, *settings, *beside, *files]


def processes() -> int:
    """In how many processes tests run: most of their time a kernel is compiled, by one core."""
    there = os.cpu_count() or 1
    return max(1, min(MOST_PROCESSES, there // 2)) if find_spec("xdist") else 1


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
    are not sound. `only` runs so many of the files, the first. Where pytest is not installed, `why`
    says that nothing was run.
    """
    wanted = marked(root)[:only]
    if find_spec("pytest") is None:
        none = summed({}, [], has_gpu=has_gpu)
        return {**none, "sound": False, "why": "pytest is not installed"}
    files: dict[str, dict[str, Any]] = {name: dict(one) for name, one in (known or {}).items()}
    end_s = time.monotonic() + limit_s
    for file in wanted:
        before = files.get(file, {})
        if before.get("finished") or before.get("tries", 0) >= TRIES:
            continue
        left_s = end_s - time.monotonic()
        if left_s < LEAST_S * has_gpu:
            break
        code, output, took_s = within(
            pytest_command([file], processes() if has_gpu else 1), root, left_s
        )
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


def within(
    command: Sequence[str],
    root: Path,
    limit_s: float,
    text: str | None = None,
    besides: Mapping[str, str] | None = None,
) -> tuple[int | None, str, float]:
    """The exit code of a process, None if it was ended at its limit; its output; its seconds.

    With all that it started it is ended, also if this process is interrupted; alone if this one
    is killed.
    """
    begun_s = time.monotonic()
    environment = {**os.environ, **ALONE, **(besides or {})}
    process = subprocess.Popen(
        leashed(command),
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
