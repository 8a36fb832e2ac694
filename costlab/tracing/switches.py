"""torch's settings that a forward may change, and the environment, put back when it is over.

Does not know what an analysis itself sets (`costlab.tracing.settings`), nor which thread set what
all share. Each is asked once before and once after, and written only if it is another: that takes a
hundredth of an analysis.
"""

from __future__ import annotations

import os
import sys
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from costlab.tracing.rewinding import Rewinding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

OF_THE_PROCESS = {
    "_get_warnAlways": "_set_warnAlways",
    "_get_mkldnn_enabled": "_set_mkldnn_enabled",
    "_get_mkldnn_deterministic": "_set_mkldnn_deterministic",
    "_get_nnpack_enabled": "_set_nnpack_enabled",
    "_get_qengine": "_set_qengine",
    "_get_cudnn_enabled": "_set_cudnn_enabled",
    "_get_cudnn_benchmark": "_set_cudnn_benchmark",
    "_get_cudnn_deterministic": "_set_cudnn_deterministic",
    "_get_float32_matmul_precision": "_set_float32_matmul_precision",
    "_get_cudnn_allow_tf32": "_set_cudnn_allow_tf32",
    "_get_cublas_allow_fp16_accumulation": "_set_cublas_allow_fp16_accumulation",
    "_get_flash_sdp_enabled": "_set_sdp_use_flash",
    "_get_mem_efficient_sdp_enabled": "_set_sdp_use_mem_efficient",
    "_get_math_sdp_enabled": "_set_sdp_use_math",
    "_get_cudnn_sdp_enabled": "_set_sdp_use_cudnn",
    "_get_overrideable_sdp_enabled": "_set_sdp_use_overrideable",
    "_get_math_sdp_allow_fp16_bf16_reduction": "_set_math_sdp_allow_fp16_bf16_reduction",
    "_get_deterministic_fill_uninitialized_memory": "_set_deterministic_fill_uninitialized_memory",
    "get_default_dtype": "_set_default_dtype",
}
"""Getters and setters of `torch._C`, which torch's own functions come to."""
PRECISIONS = (
    ("generic", "all"), ("cuda", "all"), ("cuda", "matmul"), ("cuda", "conv"), ("cuda", "rnn"),
    ("mkldnn", "all"), ("mkldnn", "matmul"), ("mkldnn", "conv"), ("mkldnn", "rnn"),
)  # fmt: skip
"""Whose `fp32_precision` there is (torch.backends): it may be set for all or for one operation."""
DEVICES = ("cpu", "cuda")
HELD: Any = vars(torch).get("_GLOBAL_DEVICE_CONTEXT")
"""Where torch keeps the default device of each thread."""
SMALLEST = sys.float_info.min
"""The smallest number that is not flushed, half of which is."""
Pair = tuple["Callable[[], Any]", "Callable[[Any], Any]"]


def _both(function: Callable[..., Any], found: Iterable[Any]) -> Any:
    return function(*found)


def _determinism() -> tuple[bool, bool]:
    return (
        torch._C._get_deterministic_algorithms(),  # noqa: SLF001 - what torch's own function comes to
        torch._C._get_deterministic_algorithms_warn_only(),  # noqa: SLF001 - as above
    )


def _set_determinism(found: tuple[bool, bool]) -> None:
    torch._C._set_deterministic_algorithms(found[0], warn_only=found[1])  # noqa: SLF001 - as above


def _anomalies() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


@cache
def of_the_process() -> tuple[Pair, ...]:
    """How to read and to write each setting of the process that this torch has."""
    home: Any = torch._C  # noqa: SLF001 - as above
    pairs: list[Pair] = [
        (getattr(home, read), getattr(home, write))
        for read, write in OF_THE_PROCESS.items()
        if hasattr(home, read) and hasattr(home, write)
    ]
    pairs += [(_determinism, _set_determinism)]
    pairs += [(_anomalies, partial(_both, torch.set_anomaly_enabled))]
    attention = torch.backends.mha
    pairs += [(attention.get_fastpath_enabled, attention.set_fastpath_enabled)]
    if hasattr(home, "_get_fp32_precision_getter"):
        # Last: the settings of old write these as well.
        read, write = home._get_fp32_precision_getter, home._set_fp32_precision_setter  # noqa: SLF001 - as above
        pairs += [(partial(read, *one), partial(write, *one)) for one in PRECISIONS]
    return tuple(pairs)


class Process(NamedTuple):
    """The settings of the process, in their order, and its environment."""

    settings: list[Any]
    environment: Mapping[Any, Any]


@cache
def _reading() -> tuple[Callable[[], Any], ...]:
    return tuple(read for read, _ in of_the_process())


def _environment() -> dict[Any, Any]:
    """The environment as it is held; to decode all of it would take as long as all settings."""
    held: dict[Any, Any] = vars(os.environ).get("_data", {})
    return held


def _read() -> Process:
    return Process(_settings(), _environment().copy())


def _settings() -> list[Any]:
    try:
        return [read() for read in _reading()]
    except RuntimeError:
        return [_found(read) for read in _reading()]


def _found(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except RuntimeError:  # torch does not tell one of old where newer ones contradict it
        return None


def _put_back(before: Process) -> None:
    if _settings() != before.settings:
        for (read, write), old in zip(of_the_process(), before.settings, strict=True):
            # Asked again, each in its turn: to write one may have changed it too.
            if old is not None and _found(read) != old:
                write(old)
    now = _environment()
    if now != before.environment:
        for key in set(now) | set(before.environment):
            old = before.environment.get(key)
            if old is None:
                os.environ.pop(os.fsdecode(key), None)
            elif now.get(key) != old:
                os.environ[os.fsdecode(key)] = os.fsdecode(old)


PROCESS = Rewinding(_read, _put_back)
"""Settings that all threads share."""


class Thread(NamedTuple):
    """Settings of one thread: autocast, the default device, how it computes."""

    autocast: tuple[Any, ...]
    device: Any
    flushes: bool
    """Whether the smallest numbers are zero to it."""
    threads: int
    """How many compute for it: OpenMP keeps that apart for each thread that asks for others."""

    def put_back(self) -> None:
        """Has this thread's be these again."""
        now = of_the_thread()
        if now == self:
            return
        if now.autocast != self.autocast:
            kept, *others = self.autocast
            torch.set_autocast_cache_enabled(kept)
            for device, enabled, dtype in zip(DEVICES, others[::2], others[1::2], strict=True):
                torch.set_autocast_enabled(device, enabled)
                torch.set_autocast_dtype(device, dtype)
            torch.clear_autocast_cache()
        if now.device is not self.device:
            torch.set_default_device(None if self.device is None else self.device.device)
        if now.flushes != self.flushes:
            torch.set_flush_denormal(self.flushes)
        if now.threads != self.threads:
            torch.set_num_threads(self.threads)


def of_the_thread() -> Thread:
    """The settings of this thread."""
    enabled, dtype = torch.is_autocast_enabled, torch.get_autocast_dtype
    first, second = DEVICES
    autocast = (
        torch.is_autocast_cache_enabled(),
        enabled(first), dtype(first), enabled(second), dtype(second),
    )  # fmt: skip
    # torch has no way to ask how it flushes; Python's numbers are computed by the same unit.
    flushes = SMALLEST / 2 == 0
    device = getattr(HELD, "device_context", None)
    return Thread(autocast, device, flushes, torch.get_num_threads())
