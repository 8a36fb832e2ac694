"""The counters that are installed, run on copies of the model; what each printed, or its failure.

Each is imported only when it is asked. A copy computes with zeros, so that nothing that a counter
leaves behind, in the model or in its statistics, is left in the caller's.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import torch

from costlab.conventions.explanation import Explanation, Run
from costlab.conventions.tools import TOOLS
from costlab.crosscheck import copied
from costlab.errors import SourceError, words_of
from costlab.sources import torchvision_models
from costlab.tracing.inputs import as_call
from costlab.tracing.tensors import map_tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    Args = tuple[Any, ...]
    Ask = Callable[[torch.nn.Module, Args, dict[str, Any]], int]


def asked(explanation: Explanation, model: torch.nn.Module, inputs: Any) -> Explanation:
    """The explanation with what each counter printed of the same forward."""
    return replace(
        explanation,
        counters=tuple(
            replace(counter, run=_run(counter.name, model, inputs, explanation.mode))
            for counter in explanation.counters
        ),
    )


def _run(name: str, model: torch.nn.Module, inputs: Any, mode: str) -> Run:
    package = TOOLS[name].package
    try:
        installed = re.split(r"[+-]|\.post", version(package))[0]
    except PackageNotFoundError:
        return Run("", None, f"not installed: pip install {package}")
    args, kwargs = as_call(inputs)
    device = "meta" if name == "FlopCounterMode" else "cpu"
    try:
        subject = copied(model, device).train(mode == "train")
        zeros, named = map_tensors(
            lambda tensor: torch.zeros_like(tensor, device=device), (args, kwargs)
        )
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with redirect_stderr(io.StringIO()):
                return Run(installed, ASK[name](subject, zeros, named))
    except Exception as error:  # noqa: BLE001 - another tool's failure is a result, not ours
        reason = (words_of(error).strip().splitlines() or [""])[0]
        return Run(installed, None, f"{type(error).__name__}: {reason}")


def _positional(kwargs: dict[str, Any]) -> None:
    if kwargs:
        raise TypeError("takes positional inputs only")


def _flop_counter_mode(model: torch.nn.Module, args: Args, kwargs: dict[str, Any]) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model(*args, **kwargs)
    return int(counter.get_total_flops())


def _fvcore(model: torch.nn.Module, args: Args, kwargs: dict[str, Any]) -> int:
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    from fvcore.nn import FlopCountAnalysis

    _positional(kwargs)
    analysis = FlopCountAnalysis(model, args)
    analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
    return int(analysis.total())


def _torchinfo(model: torch.nn.Module, args: Args, kwargs: dict[str, Any]) -> int:
    import torchinfo

    mode = "train" if model.training else "eval"
    found = torchinfo.summary(model, input_data=list(args), mode=mode, verbose=0, **kwargs)
    return int(found.total_mult_adds)


def _ptflops(model: torch.nn.Module, args: Args, kwargs: dict[str, Any]) -> int:
    with suppress(SourceError):  # it imports torchvision, which may not fit this torch
        torchvision_models.imported()
    import ptflops

    names = list(_parameter_names(model))
    given = args[0] if len(args) == 1 and not kwargs else {**dict(zip(names, args)), **kwargs}  # noqa: B905 - the forward may have more
    macs, _ = ptflops.get_model_complexity_info(
        model,
        (1,),
        input_constructor=lambda _: given,
        as_strings=False,
        print_per_layer_stat=False,
        verbose=False,
    )
    if macs is None:
        raise RuntimeError("the forward failed under its hooks")
    return int(macs)


def _parameter_names(model: torch.nn.Module) -> list[str]:
    import inspect

    return list(inspect.signature(model.forward).parameters)


def _thop(model: torch.nn.Module, args: Args, kwargs: dict[str, Any]) -> int:
    import thop

    _positional(kwargs)
    macs, _ = thop.profile(model, inputs=args, verbose=False)
    return int(macs)


def _torchprofile(model: torch.nn.Module, args: Args, kwargs: dict[str, Any]) -> int:
    import torchprofile

    _positional(kwargs)
    return int(torchprofile.profile_macs(model, args))  # type: ignore[arg-type]  # a dict only if asked for


ASK: dict[str, Ask] = {
    "FlopCounterMode": _flop_counter_mode,
    "fvcore": _fvcore,
    "torchinfo": _torchinfo,
    "ptflops": _ptflops,
    "thop": _thop,
    "torchprofile": _torchprofile,
}
"""How each counter is asked, by its name in `TOOLS`."""
