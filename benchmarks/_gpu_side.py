"""Runs one side of a case a few times, for a tool that watches from outside.

`python -m benchmarks._gpu_side` reads a case and a side as JSON, like `costlab.bench.fresh`. Only
the last call stands between `cudaProfilerStart` and `cudaProfilerStop`.
"""

from __future__ import annotations

import json
import sys

from benchmarks._gpu_leash import follow
from costlab.bench.backends import choose
from costlab.bench.fresh import read_case, read_side

BEFORE = 3


def main() -> None:
    """Runs what is asked for on stdin."""
    follow()  # of ncu, which does not end what it watches if it is killed
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
            torch.cuda.profiler.start()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        side.call()
        if asked["device"] == "cuda":
            torch.cuda.synchronize()
            torch.cuda.profiler.stop()  # type: ignore[no-untyped-call]  # as above
    finally:
        side.close()


if __name__ == "__main__":
    main()
