"""Each kernel, in each type and form, on small tensors of a GPU, for compute-sanitizer to watch.

`python -m tests.bench.kernels.touching [NAME ...]` runs all or those that are named, a line each;
it ends with 1 if one is wrong. Nothing is tuned or recorded as a graph: under the sanitizer either
takes minutes, and with memory that torch does not cache nothing that allocates can be recorded.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIMIT = 2**-5
"""Of bfloat16, rounded twice in series."""
RIGHT = ": right"
"""How the line of a kernel ends of which nothing is wrong."""
DEPENDENT = (9, 0)
"""The first compute capability with programmatic dependent launch."""

X = (2, 32, 7, 5)
PATCH: dict[str, Any] = {"shape": X, "filters": 40, "kernel": (3, 3)}
CUT: dict[str, Any] = {**PATCH, "parts": 5, "tiling": (64, 32, 16)}
ROWS, COLUMNS, SQUARE, EVEN = (
    {"kernel": kernel, "filters": 32} for kernel in ((1, 3), (3, 1), (3, 3), (2, 2))
)
LINES: dict[str, Any] = {"shape": X, "first": COLUMNS, "second": ROWS, "lines": 5}
STRIDED: dict[str, Any] = {
    **PATCH,
    "shape": (2, 16, 9, 9),
    "pooling": (3, 2, 0),
    "stride": 2,
    "padding": (0, 0),
}
WIDE = {"tiling": (64, 64, 16)}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "conv_bn_relu": ("conv", PATCH),
    "partial_sums": ("conv", CUT),
    "side_by_side": ("both", {"shape": X, "first": ROWS, "second": COLUMNS}),
    "between_in_cache": ("series", {**LINES, **WIDE}),
    "between_in_shared": ("series", {**LINES, **WIDE, "shared": True}),
    "conv_and_pool": ("reduction", STRIDED),
    "conv_bn_relu, siblings": ("siblings", {"shape": X, "filters": (24, 40)}),
    "conv_bn_relu, dependent launch": ("conv", {**PATCH, "pdl": True}),
    "partial_sums, dependent launch": ("conv", {**CUT, "pdl": True}),
    "between_in_cache, 3x3 3x3": (
        "series",
        {**LINES, **WIDE, "first": SQUARE, "second": SQUARE, "lines": 3},
    ),
    "between_in_cache, 2x2 2x2": (
        "series",
        {**LINES, **WIDE, "first": EVEN, "second": EVEN, "lines": 3},
    ),
    **{
        f"{kernel}, {dtype}": (check, {**options, "dtype": dtype})
        for dtype in ("float16", "float32")
        for kernel, check, options in (
            ("conv_bn_relu", "conv", PATCH),
            ("partial_sums", "conv", CUT),
            ("between_in_cache", "series", {**LINES, **WIDE}),
            ("between_in_shared", "series", {**LINES, **WIDE, "shared": True}),
            ("conv_and_pool", "reduction", STRIDED),
        )
    },
}
"""The check and its options, by the kernel that it runs and what is particular; bfloat16 else."""


def touched(device: str, names: Sequence[str] = ()) -> Iterator[str]:
    """A line for each that is asked for: that it is right, or what is wrong of it."""
    import torch

    from costlab.bench.precision import applied, flags_of
    from tests.bench.kernels import checks

    gpu = device != "cpu"
    early = gpu and torch.cuda.get_device_capability() >= DEPENDENT
    with applied(flags_of("tf32")) if gpu else nullcontext():
        for name in names or CALLS:
            check, asked = CALLS[name]
            options = {"dtype": "bfloat16", "device": device, **asked}
            if options.get("pdl") and not early:
                yield f"{name}{RIGHT}, as there is none on this device"
                continue
            found = getattr(checks, check)(**options)
            wrong = [] if found["intact"] else ["it wrote beside its tensors"]
            wrong += [] if found["error"] < LIMIT else [f"error {found['error']:.2g}"]
            yield f"{name}{RIGHT}" if not wrong else f"{name}: {', '.join(wrong)}"


def watched(device: str) -> list[str]:
    """All of those lines that are of something else than that it is right."""
    return [line for line in touched(device) if RIGHT not in line]


def main(names: Sequence[str]) -> int:
    """Runs them; the exit code."""
    from benchmarks._gpu_leash import follow

    follow()  # of the sanitizer, which does not end what it watches if it is killed
    wrong = False
    for line in touched("cuda", names):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        wrong |= RIGHT not in line
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
