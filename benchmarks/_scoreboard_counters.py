"""The counters of the scoreboard, each asked the way its documentation has it.

Each is a function of a model and its inputs that returns multiply-adds. Knows no model. Whatever a
counter says on the side, by a warning, a log or in print, is kept: an omission that it names is
none in silence.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    Args = tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter: the package that it comes in, how it is asked, and whether in a forked process."""

    package: str
    ask: Callable[[torch.nn.Module, Args], Counted]
    forks: bool = True


@dataclass(frozen=True, slots=True)
class Counted:
    """Multiply-adds, and whether the counter says itself that something is missing in them."""

    macs: int
    named: bool = False


def _costlab(model: torch.nn.Module, args: Args) -> Counted:
    import costlab

    report = costlab.analyze(model, args)
    return Counted(report.total.macs, named=bool(report.coverage.unknown))


def _flop_counter_mode(model: torch.nn.Module, args: Args) -> Counted:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*args)
    return Counted(int(counter.get_total_flops()) // 2)


def _fvcore(model: torch.nn.Module, args: Args) -> Counted:
    import torch
    from fvcore.nn import FlopCountAnalysis

    with torch.no_grad():
        analysis = FlopCountAnalysis(model, args)
        return Counted(int(analysis.total()), named=_matter(analysis.unsupported_ops()))


def _matter(unsupported: Any) -> bool:
    """Whether fvcore names an operator that contracts; it names every `add`, too."""
    contracts = ("matmul", "mm", "conv", "dot", "lstm", "gru", "rnn", "attention", "einsum", "mv")
    return any(word in name for name in unsupported for word in contracts)


def _torchinfo(model: torch.nn.Module, args: Args) -> Counted:
    import torchinfo

    device = args[0].device.type
    found = torchinfo.summary(model, input_data=list(args), device=device, verbose=0)
    return Counted(int(found.total_mult_adds))


def _ptflops(model: torch.nn.Module, args: Args) -> Counted:
    """Its number is an image's, of the first input; it takes inputs by name, or one."""
    import ptflops
    import torch

    given = dict(zip("abc", args, strict=False))
    with torch.no_grad():
        macs, _ = ptflops.get_model_complexity_info(
            model if len(args) == 1 else _with_names(model, args),
            (1,),
            input_constructor=lambda _: args[0] if len(args) == 1 else given,
            as_strings=False,
            print_per_layer_stat=False,
        )
    if macs is None:
        raise RuntimeError("it failed and printed why")
    # Inputs by name it takes for one image.
    return Counted(int(macs) * (len(args[0]) if len(args) == 1 else 1))


def _with_names(model: torch.nn.Module, args: Args) -> torch.nn.Module:
    """The model, with a name for each of its inputs."""
    import torch

    class One(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, a: Any) -> Any:
            return self.model(a)

    class Two(One):
        def forward(self, a: Any, b: Any) -> Any:  # type: ignore[override]  # it has more
            return self.model(a, b)

    class Three(One):
        def forward(self, a: Any, b: Any, c: Any) -> Any:  # type: ignore[override]  # as above
            return self.model(a, b, c)

    return (One, Two, Three)[len(args) - 1]().eval()


def _with_a_parameter(model: torch.nn.Module) -> torch.nn.Module:
    """The model with at least one parameter, where a counter asks that for the device."""
    import torch

    if not any(True for _ in model.parameters()):
        model.register_parameter("asked_for_its_device", torch.nn.Parameter(torch.zeros(1)))
    return model


def _thop(model: torch.nn.Module, args: Args) -> Counted:
    import thop

    macs, _ = thop.profile(model, inputs=args, verbose=False)
    return Counted(int(macs))


def _calflops(model: torch.nn.Module, args: Args) -> Counted:
    from calflops import calculate_flops

    _, macs, _ = calculate_flops(
        _with_a_parameter(model), args=list(args), print_results=False, output_as_string=False
    )
    return Counted(int(macs))


def _deepspeed(model: torch.nn.Module, args: Args) -> Counted:
    from deepspeed.profiling.flops_profiler import get_model_profile

    logging.disable(logging.INFO)
    _, macs, _ = get_model_profile(
        model, args=list(args), print_profile=False, as_string=False, warm_up=0
    )
    return Counted(int(macs))


def _torchprofile(model: torch.nn.Module, args: Args) -> Counted:
    import warnings

    import torchprofile

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        macs: Any = torchprofile.profile_macs(model, args)
    skipped = [str(warning.message) for warning in said if "No handlers" in str(warning.message)]
    return Counted(int(macs), named=_matter(skipped))


def _torchlens(model: torch.nn.Module, args: Args) -> Counted:
    import torchlens

    trace = torchlens.trace(model, args)
    named = bool(trace.unknown_flop_ops) or bool(trace.macs_unknown_split_ops)
    return Counted(int(trace.total_macs_forward), named=named)


def _torch_flops(model: torch.nn.Module, args: Args) -> Counted:
    import torch
    from torch_flops import TorchFLOPsByFX

    with torch.no_grad():
        # Its default memory function needs CUDA.
        graph = TorchFLOPsByFX(_with_names(_with_a_parameter(model), args), "memory_allocated")
        graph.propagate(*args)
    return Counted(int(graph.print_total_flops(show=False)) // 2)


def _flopth(model: torch.nn.Module, args: Args) -> Counted:
    from flopth import flopth

    flops, _ = flopth(_with_a_parameter(model), inputs=args, bare_number=True)
    return Counted(int(flops))


def _torch_profiler(model: torch.nn.Module, args: Args) -> Counted:
    """Its column of FLOPs, two a multiply-add, of all operators but sums and products of elements.

    It is documented for products of matrices and convolutions, and has rows for the others.
    """
    import torch
    from torch.profiler import ProfilerActivity, profile

    with (
        torch.no_grad(),
        profile(activities=[ProfilerActivity.CPU], record_shapes=True, with_flops=True) as kept,
    ):
        model(*args)
    rows = [row for row in kept.key_averages() if row.key not in {"aten::add", "aten::mul"}]
    return Counted(sum(int(row.flops or 0) for row in rows) // 2)


def _mmengine(model: torch.nn.Module, args: Args) -> Counted:
    """Its "flops" are multiply-adds, as its documentation says."""
    import torch
    from mmengine.analysis import FlopAnalyzer

    with torch.no_grad():
        analysis = FlopAnalyzer(model, args)
        return Counted(int(analysis.total()), named=_matter(analysis.unsupported_ops()))


def _onnx_tool(model: torch.nn.Module, args: Args) -> Counted:
    """What it profiles of the file that torch exports, by the exporter that needs onnx alone."""
    import io
    import warnings

    import onnx
    import onnx_tool
    import torch

    written = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, args, written, dynamo=False)  # type: ignore[arg-type]  # it takes any stream
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        graph = onnx_tool.Model(onnx.load_from_string(written.getvalue()), {"verbose": False}).graph
        graph.graph_reorder_nodes()
        graph.shape_infer()
        graph.profile()
    missing = any("registed for profiling" in str(warning.message) for warning in said)
    return Counted(round(graph.macs[0]), named=missing)


COUNTERS: dict[str, Counter] = {
    "costlab": Counter("costlab", _costlab),
    "FlopCounterMode": Counter("torch", _flop_counter_mode),
    "torch.profiler": Counter("torch", _torch_profiler),
    "fvcore": Counter("fvcore", _fvcore),
    "mmengine": Counter("mmengine", _mmengine),
    "torchinfo": Counter("torchinfo", _torchinfo),
    "ptflops": Counter("ptflops", _ptflops),
    "thop": Counter("thop", _thop),
    "ultralytics-thop": Counter("ultralytics-thop", _thop),
    "calflops": Counter("calflops", _calflops),
    "DeepSpeed": Counter("deepspeed", _deepspeed),
    "torchprofile": Counter("torchprofile", _torchprofile),
    "torchlens": Counter("torchlens", _torchlens, forks=False),
    "torch-flops": Counter("torch-flops", _torch_flops),
    "flopth": Counter("flopth", _flopth),
    "onnx-tool": Counter("onnx-tool", _onnx_tool),
}
"""The counters, by the name that the results give them; costlab first."""
