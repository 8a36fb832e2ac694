"""Runs one side of a case a few times, for a tool that watches from outside.

`python -m benchmarks._gpu_side` reads a case and a side as JSON, like `costlab.bench.fresh`. Only
the last call stands between `cudaProfilerStart` and `cudaProfilerStop`.
"""

from __future__ import annotations

import json
import sys

from costlab.bench.backends import choose
from costlab.bench.fresh import read_case, read_side

BEFORE = 3


def main() -> None:
    """Runs what is asked for on stdin."""
    import torch

    asked = json.loads(sys.stdin.read())
    backend = choose(asked["device"])
    side = backend.prepare(read_side(asked["side"]), read_case(asked["case"]), asked["seed"])
    try:
        side.check()
        for _ in range(BEFORE):
            side.call()
        if asked["device"] == "cuda":
            torch.cuda.synchronize()
            torch.cuda.profiler.start()  # type: ignore[no-untyped-call]
        side.call()
        if asked["device"] == "cuda":
            torch.cuda.synchronize()
            torch.cuda.profiler.stop()  # type: ignore[no-untyped-call]
    finally:
        side.close()


if __name__ == "__main__":
    main()
