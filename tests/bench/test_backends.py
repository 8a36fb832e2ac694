"""The choice of a device, and what a CPU says of itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from costlab.bench import backends, environment
from costlab.bench.backends import choose
from costlab.errors import UsageError

MODULES = (
    "arms",
    "backends",
    "calls",
    "ceilings",
    "correctness",
    "cpu",
    "cuda",
    "environment",
    "fresh",
    "fused",
    "gauge",
    "graphs",
    "inputs",
    "precision",
    "prepared",
    "profiler",
    "subjects",
    "timers",
)


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_without_a_gpu_the_cpu_is_chosen(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` is the CPU where there is nothing else."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    backend = choose(device)
    assert backend.environment()["device"] == "cpu"
    assert "eager" in backend.arms()
    assert "graph" not in backend.arms()


def test_a_gpu_that_is_not_there_is_an_error_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--device cuda` without one names the reason and the remedy."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"--device cuda: .*Measure with --device cpu"):
        choose("cuda")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "finds no CUDA device" in backends.why_no_cuda()


def test_a_device_of_another_name_is_an_error() -> None:
    """Nonsense is refused with what there is."""
    with pytest.raises(UsageError, match="auto, cpu, cuda"):
        choose("tpu")


def test_the_environment_is_plain_data() -> None:
    """It can be written as JSON, and has what a number depends on."""
    found = choose("cpu").environment()
    assert json.loads(json.dumps(found)) == found
    assert {"torch", "python", "cpu", "threads", "flags_before", "clocks", "cache_bytes"} <= set(
        found
    )
    assert found["threads"] == torch.get_num_threads()


def test_a_busy_cpu_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """More processes than cores are a note, not an error, whether it was forced or not."""
    monkeypatch.setattr("os.getloadavg", lambda: (64.0, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    backend = choose("cpu")
    assert "busy" in backend.refuse_if_busy(force=False)[0]
    assert backend.refuse_if_busy(force=True) == backend.refuse_if_busy(force=False)
    monkeypatch.setattr("os.getloadavg", lambda: (0.5, 0.0, 0.0))
    assert backend.refuse_if_busy(force=False) == ()


def test_the_last_level_is_the_cache_that_counts(tmp_path: Path) -> None:
    """Of three levels, the third is read, in its unit; where there are no files, a usual size."""
    for level, size in ((1, "48K"), (2, "1024K"), (3, "32M")):
        folder = tmp_path / f"index{level}"
        folder.mkdir()
        (folder / "level").write_text(f"{level}\n")
        (folder / "size").write_text(f"{size}\n")
    assert environment.cache_bytes(tmp_path) == 32 << 20
    assert environment.cache_bytes(tmp_path / "none") == environment.USUAL_CACHE


def test_the_cpu_is_named(tmp_path: Path) -> None:
    """By the model that the system tells, or at least by its architecture."""
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Example 9000\n")
    assert environment.cpu_name(tmp_path / "cpuinfo") == "Example 9000"
    assert environment.cpu_name(tmp_path / "none")


def test_importing_warns_of_nothing_and_compiles_nothing() -> None:
    """Each module imports with warnings as errors, and none loads torch's compiler."""
    lines = "; ".join(f"import costlab.bench.{module}" for module in MODULES)
    code = f"import sys; {lines}; assert 'torch._inductor.compile_fx' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_choosing_is_what_imports_torch() -> None:
    """The module that chooses can be imported where torch is not wanted."""
    code = "import sys, costlab.bench.backends; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
