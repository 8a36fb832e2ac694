"""The kernels on a real device, at the networks' shapes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from costlab.bench.backends import why_no_cuda
from costlab.bench.precision import applied, flags_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("triton")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(bool(why_no_cuda()), reason=f"needs a GPU: {why_no_cuda()}"),
]
ROOT = Path(__file__).parents[3]
DTYPES = ("bfloat16", "float16", "float32")
# As for whole modules on a GPU: TF32 rounds both operands, the others what they write.
LIMITS = {"float32": 2**-9, "float16": 2**-9, "bfloat16": 2**-6}
TILINGS = ([128, 64, 64, 4, 3], [64, 32, 32, 4, 4], [128, 128, 32, 8, 3], [128, 64, 64, 8, 3])
PATCHES: dict[str, Any] = {
    "1x7": {"kernel": (1, 7)},
    "7x1": {"kernel": (7, 1)},
    "3x1": {"kernel": (3, 1)},
    "1x3": {"kernel": (1, 3)},
    "3x3": {"kernel": (3, 3)},
    "2x2": {"kernel": (2, 2)},
    "5x5": {"kernel": (5, 5)},
    "3x3/2": {"kernel": (3, 3), "stride": 2, "padding": (0, 0)},
}
TUNED = {"each_s": 0.4, "all_s": 10.0}
"""Seconds that choices may take in a test: whatever is chosen must be right."""


@pytest.fixture(autouse=True)
def precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """TF32 where the type is float32, and choices in a cache of their own."""
    from costlab.bench.kernels import tuning

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tuning, "SETTLED", {})
    monkeypatch.setattr(tuning, "BUDGET", tuning.Budget(**TUNED))
    tuning._kept.cache_clear()
    with applied(flags_of("tf32")):
        yield


def ask(check: str, **options: Any) -> dict[str, Any]:
    """What a check finds on the GPU."""
    from tests.bench.kernels import checks

    found: dict[str, Any] = getattr(checks, check)(device="cuda", **options)
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tiling", TILINGS)
@pytest.mark.parametrize("patch", list(PATCHES))
def test_convolutions(patch: str, tiling: list[int], dtype: str) -> None:
    """Each patch, tiling and type, at a width that is no multiple of 64."""
    shape = (8, 96, 35, 35)
    found = ask("conv", shape=shape, filters=160, dtype=dtype, tiling=tiling, **PATCHES[patch])
    assert found["error"] < LIMITS[dtype]
    assert found["intact"]


@pytest.mark.parametrize("shape", [(1, 3, 299, 299), (256, 48, 35, 35), (1, 448, 8, 8)])
def test_sizes(shape: tuple[int, ...]) -> None:
    """An image, many of them, and a small grid."""
    found = ask("conv", shape=shape, filters=64, kernel=(3, 3), dtype="bfloat16")
    assert found["error"] < LIMITS["bfloat16"]
    assert found["intact"]


@pytest.mark.parametrize("parts", [1, 4])
def test_programmatic_dependent_launch(parts: int) -> None:
    """A kernel that may start early gives the same."""
    if torch.cuda.get_device_capability() < (9, 0):
        pytest.skip("programmatic dependent launch begins with compute capability 9.0")
    found = ask("conv", shape=(2, 64, 17, 17), filters=64, kernel=(1, 7), dtype="bfloat16",
                pdl=True, parts=parts)  # fmt: skip
    assert found["error"] < LIMITS["bfloat16"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("parts", [2, 9, 22])
def test_parts_of_a_sum(parts: int, dtype: str) -> None:
    """A deep sum of few tiles in parts, on a workspace of NaN: right, and the same each time."""
    found = [
        ask("conv", shape=(1, 448, 8, 8), filters=384, kernel=(3, 3), dtype=dtype, parts=parts,
            tiling=[64, 64, 32, 4, 3])
        for _ in range(5)
    ]  # fmt: skip
    assert found[0]["error"] < LIMITS[dtype]
    assert found[0]["intact"]
    assert found[0]["scratch"]["written"]
    assert found[0]["scratch"]["intact"]
    assert len({one["error"] for one in found}) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("first", "second"), [("3x1", "1x3"), ("1x3", "3x1"), ("1x7", "7x1")])
def test_lines(first: str, second: str, shared: bool, dtype: str) -> None:
    """Pairs in whole lines, what is between them in the cache or in shared memory."""
    found = ask(
        "series",
        shape=(32, 64, 35, 35),
        first={**PATCHES[first], "filters": 64},
        second={**PATCHES[second], "filters": 64},
        lines=3 if shared else 14,
        shared=shared,
        dtype=dtype,
        tiling=[128, 32, 32, 8 if shared else 4, 3],
    )
    assert found["error"] < 2 * LIMITS[dtype]
    assert found["intact"]


@pytest.mark.parametrize("patch", ["2x2", "3x3"])
@pytest.mark.parametrize("lines", [3, 7, 11])
def test_halos(patch: str, lines: int) -> None:
    """Pairs whose tiles share lines; many tiles, so that programs take several turns."""
    layer = {**PATCHES[patch], "filters": 96}
    found = ask(
        "series",
        shape=(128, 96, 35, 35),
        first=layer,
        second=layer,
        lines=lines,
        dtype="bfloat16",
        tiling=[128, 32, 32, 4, 3],
    )
    assert found["error"] < 2 * LIMITS["bfloat16"]
    assert found["intact"]


def test_the_same_result_each_time() -> None:
    """A result that changes from run to run would be a race."""
    layer = {**PATCHES["3x1"], "filters": 64}, {**PATCHES["1x3"], "filters": 64}
    errors = {
        ask("series", shape=(64, 64, 35, 35), first=layer[0], second=layer[1], lines=7,
            dtype="bfloat16", tiling=[128, 64, 32, 4, 3])["error"]
        for _ in range(10)
    }  # fmt: skip
    assert len(errors) == 1


@pytest.mark.parametrize("block", ["Mixed_5d", "Mixed_6a", "Mixed_6e", "Mixed_7a", "Mixed_7c"])
def test_blocks_are_tuned_and_right(block: str) -> None:
    """The blocks of Inception-v3 at full width, each launch's tiling chosen by measurement."""
    found = ask("module", source="inception_v3(aux=False)", shape=(3, 299, 299), block=block,
                dtype="bfloat16", batch=4)  # fmt: skip
    assert found["error"] < 0.0625
    assert found["declined"] == ()


def test_inception_v3(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole network as one graph, each block in its fastest arm.

    But for Inductor's, which tries kernels out for minutes; the study measures and checks it.
    """
    from costlab.bench.kernels import inception as path
    from tests.bench.kernels.whole import inception

    monkeypatch.delitem(path.MAKERS, "inductor")
    found = inception(width=1.0, side=299, dtype="bfloat16", device="cuda", batch=4)
    assert found["error"] < 0.0625
    assert found["untouched"]


@pytest.mark.parametrize("tool", ["memcheck", "racecheck"])
def test_no_stray_access(tool: str) -> None:
    """compute-sanitizer finds neither accesses out of bounds nor races in shared memory."""
    sanitizer = shutil.which("compute-sanitizer")
    if sanitizer is None:
        pytest.skip("compute-sanitizer is not installed")
    watched = [sys.executable, "-m", "tests.bench.kernels.touching"]
    command = [sanitizer, "--tool", tool, "--error-exitcode", "86", *watched]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
