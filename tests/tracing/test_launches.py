"""A kernel of Triton's that a forward launches itself is named, and never run on shapes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import costlab
from costlab.tracing.pointers import written_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("triton", reason="triton is not installed")

WIDTH = 16
PRODUCT = WIDTH * WIDTH
PATHS = ("auto", "meta", "fake", "real")


@pytest.fixture(scope="module")
def ask() -> Iterator[Callable[..., dict[str, Any]]]:
    """What a report says of a model, where kernels are interpreted."""
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.tracing.launched"],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        stdin, stdout = worker.stdin, worker.stdout
        assert stdin is not None
        assert stdout is not None

        def asked(name: str, on: str, mode: str = "eval", *, priced: bool = False) -> Any:
            question = {"name": name, "on": on, "mode": mode, "priced": priced}
            stdin.write(json.dumps(question) + "\n")
            stdin.flush()
            return json.loads(stdout.readline())

        yield asked
        stdin.close()


@pytest.mark.parametrize("name", ["plain", "run", "tuned", "guessed", "with a backward"])
@pytest.mark.parametrize("on", PATHS)
def test_a_launch_is_unknown(ask: Callable[..., dict[str, Any]], name: str, on: str) -> None:
    """It is named with the elements that it writes, however the kernel is wrapped."""
    found = ask(name, on)
    assert found["unknown"] == [["triton::twice", 1, WIDTH]]
    assert found["bound"]
    assert found["macs"] == 2 * PRODUCT


@pytest.mark.parametrize("name", ["plain", "tuned", "guessed", "with a backward"])
@pytest.mark.parametrize("on", PATHS)
def test_a_rule_prices_a_launch(ask: Callable[..., dict[str, Any]], name: str, on: str) -> None:
    """A rule of the kernel's name is given its arguments; one that does not fit them prices none.

    What is tuned or guessed is told `n` by nobody but Triton, so that this rule does not fit.
    """
    found = ask(name, on, priced=True)
    if name in ("tuned", "guessed"):
        assert found["unknown"] == [["triton::twice", 1, WIDTH]]
        return
    assert found["unknown"] == []
    assert not found["bound"]
    assert found["flops"] == 2 * 2 * PRODUCT + WIDTH


@pytest.mark.parametrize("name", ["custom", "wrapped"])
@pytest.mark.parametrize("on", PATHS)
def test_a_registered_operation_is_named_once(
    ask: Callable[..., dict[str, Any]], name: str, on: str
) -> None:
    """Of an operation that launches a kernel, its own name is told, and not the kernel's too."""
    assert ask(name, on)["unknown"] == [[f"costlab_launched::{name}", 1, WIDTH]]


@pytest.mark.parametrize("on", PATHS)
def test_autograd_is_not_told_of_a_launch(ask: Callable[..., dict[str, Any]], on: str) -> None:
    """A gradient ends at a launch, unless a function with a backward surrounds it."""
    assert ask("plain", on, "train")["backward"] == [0, PRODUCT]
    assert ask("with a backward", on, "train")["backward"] == [PRODUCT, 2 * PRODUCT]


@pytest.mark.parametrize("on", PATHS)
def test_what_a_kernel_wrote_has_no_values_on_shapes(
    ask: Callable[..., dict[str, Any]], on: str
) -> None:
    """A forward that reads them goes on with real tensors, where the kernel runs, on copies."""
    found = ask("overwrites", on)
    if on in ("meta", "fake"):
        assert "reads the values of a tensor" in found["error"]
        return
    assert found["unknown"] == [["triton::twice", 2, WIDTH + PRODUCT]]
    assert found["macs"] == PRODUCT  # as twice one is above zero
    assert found["same"]


def test_no_kernel_is_launched_on_shapes() -> None:
    """A kernel that Triton would compile for a GPU is counted where there is none."""
    from tests.tracing.launched import Launches, moved

    class Moved(Launches):
        def forward(self, x: Any) -> Any:
            o = x.new_empty(x.shape)
            moved[(1,)](x, x.long(), o, WIDTH)
            return o

    report = costlab.analyze(Moved(moved), f"f32[{WIDTH}]", on="meta")
    assert [(u.op, u.elements) for u in report.coverage.unknown] == [("triton::moved", WIDTH)]


def test_triton_is_not_imported_to_see_its_launches() -> None:
    """A process that has not loaded it does not by an analysis."""
    code = (
        "import sys, torch, costlab; costlab.analyze(torch.nn.ReLU(), 'f32[2]'); "
        "print('triton' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_classes_that_launch_are_as_before() -> None:
    """After an analysis Triton's own methods are in their places."""
    from triton.runtime.autotuner import Autotuner, Heuristics
    from triton.runtime.jit import JITFunction

    from tests.tracing.launched import Launches, twice

    kinds: tuple[Any, ...] = (JITFunction, Autotuner, Heuristics)
    before = [vars(kind)["run"] for kind in kinds]
    costlab.analyze(Launches(twice, n=WIDTH), f"f32[{WIDTH}]", on="meta")
    assert [vars(kind)["run"] for kind in kinds] == before


def test_what_a_kernel_writes_is_read_off_its_source() -> None:
    """Through names, tuples and loops; not through what is loaded; a helper may write to all."""
    from tests.tracing.launched import handed, moved, twice

    def written(kernel: Any) -> list[str]:
        return sorted(written_by(kernel.fn) or ())

    assert written(twice) == ["n", "o"]  # through `i`, which is no pointer, but may be one
    assert written(moved) == ["o"]
    assert written(handed) == ["n", "o", "x"]


def test_without_a_source_all_that_the_forward_made_is_written_to() -> None:
    """A kernel that a program made has no source: its own weights apart, it may write to all."""
    from tests.tracing.launched import Launches, twice

    class Made:
        """Looks like Triton's own, of a function without a file."""

        fn = eval("lambda x, w, o: None")  # noqa: S307 - a function without a source

    kind: Any = type(twice)
    kernel = kind.__new__(kind)
    kernel.fn = Made.fn

    class Sourceless(Launches):
        def forward(self, x: Any) -> Any:
            o = x.new_empty(x.shape)
            self.kernel.run(x, self.weight, o, grid=(1,), warmup=False)
            return o

    report = costlab.analyze(Sourceless(kernel), f"f32[{WIDTH}]", on="meta")
    assert [u.elements for u in report.coverage.unknown] == [2 * WIDTH]
