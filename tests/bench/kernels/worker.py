"""A process whose Triton interprets kernels: it answers checks, a line of JSON each.

Triton reads TRITON_INTERPRET when a kernel is defined, so that in the tests' own process it would
hold for all that run after.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings

import torch


def main() -> None:
    """Runs the checks that it is asked for, until there are no more."""
    torch.set_num_threads(1)
    # torch says once in a process that it copies an input to pad it on one side alone.
    warnings.filterwarnings("ignore", message="Using padding='same' with even kernel lengths")
    from tests.bench.kernels import checks, declining, drawn, forms, misuse, touching, whole

    known = {
        name: check
        for module in (checks, declining, drawn, forms, misuse, touching, whole)
        for name, check in vars(module).items()
    }

    for line in sys.stdin:
        asked = json.loads(line)
        check = known[asked["check"]]
        try:
            answer = {"found": check(**asked["options"])}
        except Exception as error:  # noqa: BLE001 - told to the test, which fails with it
            last = f"{type(error).__name__}: {error}"
            answer = {"error": last, "trace": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    os._exit(0)  # nothing is left to do, and torch takes a second to be taken down


if __name__ == "__main__":
    main()
