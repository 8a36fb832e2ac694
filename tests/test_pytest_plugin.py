"""The pytest plugin, in runs of pytest of its own: what fails, how it reads, what it costs."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import torch

import costlab
from costlab.assertion import limit_of
from costlab.errors import UsageError

ROOT = Path(__file__).parents[1]
MACS = 64 * 10

TESTS = """\
import pytest
import torch

import costlab


def net():
    model = torch.nn.Sequential()
    model.add_module("fc", torch.nn.Linear(64, 10))
    return model


@pytest.mark.costlab(macs="<=640", params="<651")
def test_keeps(cost):
    assert cost(net(), "f32[1,64]").total.macs == 640


@pytest.mark.costlab(macs="<640")
def test_breaks(cost):
    cost(net(), "f32[1,64]")


@pytest.mark.costlab(macs="600", module="f?")
def test_breaks_in_a_module(cost):
    cost(net(), torch.ones(1, 64))


@pytest.mark.costlab(macs="1k")
class TestNearer:
    @pytest.mark.costlab(macs="639")
    def test_breaks_the_nearer(self, cost):
        cost(net(), "f32[1,64]")

    def test_keeps_the_outer(self, cost):
        cost(net(), "f32[1,64]")


@pytest.mark.costlab(macs="1k")
def test_measures_nothing():
    net()


@pytest.mark.costlab(macs="1k", module="gone")
def test_of_no_module(cost):
    cost(net(), "f32[1,64]")


@pytest.mark.costlab(mcas="1k")
def test_of_no_metric(cost):
    cost(net(), "f32[1,64]")


@pytest.mark.costlab
def test_without_a_limit(cost):
    cost(net(), "f32[1,64]")


@pytest.mark.costlab(name="linear")
def test_of_the_file_breaks(cost):
    cost(net())


@pytest.mark.costlab(name="linear", macs="640", params="650")
def test_overrides_the_file(cost):
    cost(net())


@pytest.mark.costlab(name="liner")
def test_of_no_model(cost):
    cost(net())


def test_only_measures(cost):
    assert cost(net(), "f32[2,64]").total.macs == 2 * 640


def test_plain():
    costlab.assert_cost(net(), "f32[1,64]", macs="<=5", module="fc")
"""
BUDGETS = """\
[models.linear]
model = "test_costs.py:net"
inputs = ["f32[1,64]"]

[[budgets]]
id = "linear"
macs = { max = "600" }
params = { max = "1k" }
"""
UNUSED = """\
import sys


def test_nothing():
    heavy = {"torch", "numpy", "rich", "typer", "costlab.assertion"} & set(sys.modules)
    assert not heavy
    assert "costlab.pytest_plugin" in sys.modules
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest in a folder, with the plugin as an installation has it."""
    installed = any(
        each.value == "costlab.pytest_plugin" for each in entry_points(group="pytest11")
    )
    plugin = [] if installed else ["-p", "costlab.pytest_plugin"]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # Plugins of this environment that import numpy or more are not what is looked at.
    options = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--strict-markers"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, *options, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "100",
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest prints of tests that keep, break and misuse their limits."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "test_costs.py").write_text(TESTS, encoding="utf-8")
    (folder / "costlab.toml").write_text(BUDGETS, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return run(folder, "-rA").stdout


@pytest.mark.parametrize(
    "name", ["test_keeps", "test_keeps_the_outer", "test_overrides_the_file", "test_only_measures"]
)
def test_a_kept_limit_passes(output: str, name: str) -> None:
    """What is within its limits passes, and so does what is not limited at all."""
    assert f"{name}\n" in "".join(
        f"{line}\n" for line in output.splitlines() if line.startswith("PASSED ")
    )


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [
        ("test_breaks", "640", "639"),
        ("test_breaks_in_a_module", "640", "600"),
        ("test_breaks_the_nearer", "640", "639"),
        ("test_of_the_file_breaks", "640", "600"),
        ("test_plain", "640", "5"),
    ],
)
def test_a_broken_limit_fails(output: str, name: str, value: str, limit: str) -> None:
    """It is an ordinary failure of that test, and shows the table."""
    told = section(output, name)
    assert "AssertionError" in told
    (row,) = (
        line.split() for line in told.splitlines() if line.startswith("E ") and "fail " in line
    )
    assert value in row
    assert limit in row


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("test_measures_nothing", "this test measures nothing: call cost(model, inputs)"),
        ("test_of_no_module", "matches 'gone'"),
        ("test_of_no_metric", "there is no metric 'mcas'. Did you mean macs?"),
        ("test_without_a_limit", "nothing is limited"),
        ("test_of_no_model", "has no model 'liner'. Did you mean linear?"),
    ],
)
def test_a_limit_on_nothing_fails(output: str, name: str, reason: str) -> None:
    """A mark that limits nothing, or is misspelt, never passes."""
    assert reason in " ".join(section(output, name).split())
    assert f"FAILED test_costs.py::{name}" in output


def test_no_internals_in_a_traceback(output: str) -> None:
    """A failure shows the test's own line; none of costlab's code, nor any of pytest's."""
    assert "assertion.py" not in output
    assert "pytest_plugin.py" not in output
    assert "INTERNALERROR" not in output
    assert "cost(net(), " in section(output, "test_breaks")


def section(output: str, name: str) -> str:
    """What pytest prints about the failure of one test."""
    heads = [
        line for line in output.splitlines() if line.startswith("___") and line.endswith("___")
    ]
    (head,) = (line for line in heads if line.strip("_ ").split(".")[-1] == name)
    rest = output.split(head, 1)[1]
    ends = [rest.index(end) for end in (*heads, "= PASSES", "= short test") if end in rest]
    return rest[: min(ends)]


def test_it_costs_nothing_unused(tmp_path: Path) -> None:
    """At pytest's start neither torch nor anything else of weight is imported."""
    (tmp_path / "test_unused.py").write_text(UNUSED, encoding="utf-8")
    found = run(tmp_path)
    assert found.returncode == 0, found.stdout


def test_the_mark_is_listed(tmp_path: Path) -> None:
    """`pytest --markers` explains it."""
    assert "@pytest.mark.costlab(" in run(tmp_path, "--markers").stdout


LINEAR = torch.nn.Linear(64, 10)


def test_assert_cost_gives_the_report() -> None:
    """The plain function returns what it measured."""
    assert costlab.assert_cost(LINEAR, "f32[1,64]", macs=MACS).total.macs == MACS


def test_assert_cost_fails() -> None:
    """A broken limit is an AssertionError with the table in it."""
    with pytest.raises(AssertionError, match=r"640 +639 +1 over"):
        costlab.assert_cost(LINEAR, "f32[1,64]", macs="< 640")


class Unpriced(torch.nn.Module):
    """A model with an operation that no rule prices."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The singular values."""
        found: torch.Tensor = torch.linalg.svdvals(x)
        return found


@pytest.mark.parametrize(
    ("model", "limits", "reason"),
    [
        (LINEAR, {}, "nothing is limited"),
        (LINEAR, {"macs": ">=5"}, "is no limit"),
        (LINEAR, {"macs": "5 GFLOPs"}, "limit flops"),
        (LINEAR, {"macs": "<0"}, "nothing costs less than nothing"),
        (LINEAR, {"latency": "5"}, "there is no metric"),
        (LINEAR, {"depth": 3, "module": "x"}, "is of a whole model"),
        (LINEAR, {"macs": 5, "module": ""}, "module is empty"),
        (LINEAR, {"macs": 5, "module": ()}, "module is empty"),
        (LINEAR, {"macs": 5, "module": "x", "per": "all"}, "it must be match or sum"),
        (LINEAR, {"module": "x"}, "nothing is limited"),
        (LINEAR, {"macs": 640, "module": "gone"}, "matches 'gone'"),
        (Unpriced(), {"macs": 10**9}, "no rule prices"),
    ],
)
def test_assert_cost_refuses(model: torch.nn.Module, limits: dict[str, Any], reason: str) -> None:
    """What cannot be held is an error, which no `pytest.raises(AssertionError)` takes for one."""
    with pytest.raises(UsageError, match=reason):
        costlab.assert_cost(model, "f32[4,64]" if model is LINEAR else "f32[4,4]", **limits)


@pytest.mark.parametrize(
    ("text", "most"),
    [("<=5.8G", 5_800_000_000), ("≤ 5.8 GMACs", 5_800_000_000), ("<5", 4), ("5", 5), (5, 5)],
)
def test_limits_in_words(text: str | int, most: int) -> None:
    """A limit is inclusive, unless its sign says otherwise."""
    assert limit_of(text, "macs").max == most
