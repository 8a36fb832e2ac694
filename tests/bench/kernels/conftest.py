"""A process in which kernels are interpreted, for the tests that ask it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[..., Any]

ROOT = Path(__file__).parents[3]
LIMITS = {"float32": 1e-5, "float16": 2**-9, "bfloat16": 2**-6}
"""Errors that are rounding: float32 is exact but for its sums, the others round what they write, in
series twice, and their folded weights."""


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """A function of a check's name and options: what the check finds, in the interpreter."""
    if find_spec("triton") is None:
        pytest.skip("needs triton, which is not installed")
    environment = {
        **os.environ,
        "TRITON_INTERPRET": "1",
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
    }
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.bench.kernels.worker"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        stdin, stdout = worker.stdin, worker.stdout

        def ask(check: str, **options: Any) -> Any:
            stdin.write(json.dumps({"check": check, "options": options}) + "\n")
            stdin.flush()
            answer = json.loads(stdout.readline() or '{"error": "the worker ended"}')
            assert "found" in answer, answer.get("trace", answer["error"])
            return answer["found"]

        yield ask
        stdin.close()
