"""Settings of torch, of the thread and of the process that a forward changes are put back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import torch

import costlab
from costlab.tracing import switches
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

TINY = 1e-41
"""A float32 that is only there where the smallest numbers are not flushed."""
CHANGES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "threads": (lambda: torch.set_num_threads(3), torch.get_num_threads),
    "float32 products": (
        lambda: torch.set_float32_matmul_precision("medium"),
        torch.get_float32_matmul_precision,
    ),
    "float32 products on CUDA": (
        lambda: setattr(torch.backends.cuda.matmul, "fp32_precision", "tf32"),
        lambda: torch.backends.cuda.matmul.fp32_precision,
    ),
    "float32 anywhere": (
        lambda: setattr(torch.backends, "fp32_precision", "tf32"),
        lambda: torch._C._get_fp32_precision_getter("generic", "all"),
    ),
    "deterministic algorithms": (
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
    ),
    "cudnn.benchmark": (
        lambda: setattr(torch.backends.cudnn, "benchmark", True),
        lambda: torch.backends.cudnn.benchmark,
    ),
    "cudnn.allow_tf32": (
        lambda: setattr(torch.backends.cudnn, "allow_tf32", False),
        lambda: torch.backends.cudnn.allow_tf32,
    ),
    "mkldnn": (
        lambda: torch.backends.mkldnn.set_flags(_enabled=False),  # type: ignore[no-untyped-call]  # as above
        torch._C._get_mkldnn_enabled,
    ),
    "flash attention": (
        lambda: torch.backends.cuda.enable_flash_sdp(False),
        torch.backends.cuda.flash_sdp_enabled,
    ),
    "attention by products": (
        lambda: torch.backends.cuda.enable_math_sdp(False),
        torch.backends.cuda.math_sdp_enabled,
    ),
    "the fast path of encoders": (
        lambda: torch.backends.mha.set_fastpath_enabled(False),
        torch.backends.mha.get_fastpath_enabled,
    ),
    "all warnings": (lambda: torch.set_warn_always(True), torch.is_warn_always_enabled),
    "anomalies": (
        lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
    ),
    "the smallest numbers": (
        lambda: torch.set_flush_denormal(True),
        lambda: [(torch.tensor([TINY]) * 1).item()],
    ),
    "the default device": (
        lambda: torch.set_default_device("meta"),
        lambda: torch.empty(1).device,
    ),
    "the default type": (
        lambda: torch.set_default_dtype(torch.float64),
        torch.get_default_dtype,
    ),
    "autocast": (
        lambda: torch.set_autocast_enabled("cpu", True),
        lambda: torch.is_autocast_enabled("cpu"),
    ),
    "autocast's type": (
        lambda: torch.set_autocast_dtype("cpu", torch.float16),
        lambda: torch.get_autocast_dtype("cpu"),
    ),
    "autocast's cache": (
        lambda: torch.set_autocast_cache_enabled(False),
        torch.is_autocast_cache_enabled,
    ),
    "gradients": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "a variable of the environment": (
        lambda: os.environ.update(COSTLAB_TEST="1"),
        lambda: os.environ.get("COSTLAB_TEST"),
    ),
}
"""By what is changed: how a forward does, and how it is asked for."""


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_is_put_back(name: str, *, fails: bool) -> None:
    """Whatever a forward sets, and also if it then fails; the forward itself finds it set."""
    change, ask = CHANGES[name]
    seen: list[Any] = []

    def forward(model: Any, x: torch.Tensor) -> torch.Tensor:
        change()
        seen.append(ask())
        if fails:
            message = "on purpose"
            raise ValueError(message)
        product: torch.Tensor = x @ model.weight
        return product

    before = ask()
    try:
        costlab.analyze(Calls(forward), "f32[2,8]")
    except costlab.TraceError as error:
        assert fails
        assert "on purpose" in str(error)  # noqa: PT017 - whether it is raised is the parameter
    assert ask() == before
    assert seen
    assert name == "the default device" or all(found != before for found in seen)


def test_a_setting_of_the_caller_stays() -> None:
    """What the caller has set is neither undone nor lost."""
    with torch.device("meta"), torch.autocast("cpu", torch.float16):
        costlab.analyze(Calls(lambda m, x: x @ m.weight), "f32[2,8]")
        assert torch.empty(1).is_meta
        assert torch.is_autocast_enabled("cpu")
        assert torch.get_autocast_dtype("cpu") is torch.float16
    assert not torch.is_autocast_enabled("cpu")


def test_a_variable_that_a_forward_deletes_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted or overwritten: it is what it was."""
    for name in ("COSTLAB_ONE", "COSTLAB_TWO"):
        monkeypatch.setenv(name, "é")

    def forward(model: Any, x: torch.Tensor) -> torch.Tensor:
        del os.environ["COSTLAB_ONE"]
        os.environ["COSTLAB_TWO"] = "2"
        product: torch.Tensor = x @ model.weight
        return product

    costlab.analyze(Calls(forward), "f32[2,8]")
    assert [os.environ[name] for name in ("COSTLAB_ONE", "COSTLAB_TWO")] == ["é", "é"]


def test_what_is_as_it_was_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setter may have effects of its own: no threads are made anew for nothing."""
    written: list[Any] = []
    pairs = tuple((read, written.append) for read, _ in switches.of_the_process())
    monkeypatch.setattr(switches, "of_the_process", lambda: pairs)
    costlab.analyze(Calls(lambda m, x: x @ m.weight), "f32[2,8]")
    assert written == []

    def forward(model: Any, x: torch.Tensor) -> torch.Tensor:
        torch.set_warn_always(True)
        product: torch.Tensor = x @ model.weight
        return product

    costlab.analyze(Calls(forward), "f32[2,8]")
    assert written == [False]  # of all settings the one that differs
    torch.set_warn_always(False)
