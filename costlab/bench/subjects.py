"""From a subject to a module with weights and an example of its input.

It knows neither the device nor how anything is timed. A model is built for real, in float32 on the
CPU; its convolutions, linear layers and normalizations get random weights of such a scale that the
signal neither vanishes nor explodes, whatever the depth, so that half precision has room for it.

Source: the scaling is Mishkin and Matas 2015, "All you need is a good init" (arXiv:1511.06422).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from costlab import sources
from costlab.bench.blame import in_words
from costlab.bench.example import Example, example_of, on_meta
from costlab.bench.inputs import Rotation
from costlab.bench.seams import ArmError
from costlab.sources.text import split

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from costlab.bench.study import Finish, Subject

WEIGHTED = (nn.modules.conv._ConvNd, nn.Linear)  # noqa: SLF001 - the class of all convolutions
NORMALIZED = nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - of all batch normalizations
DROPOUT = nn.modules.dropout._DropoutNd  # noqa: SLF001 - of all dropouts
# Images that the scale is measured on.
CALIBRATED = 2


class Built(NamedTuple):
    """A module, and the arguments of its forward; their tensors are on meta."""

    module: nn.Module
    example: Example


def build(subject: Subject, finish: Finish, batch: int, seed: int) -> Built:
    """What a subject runs: a model, or one block of it with the input that the block gets.

    The module is on the CPU, in float32, in eval mode, or train mode if the subject is trained;
    its dropouts then drop nothing, since what they drop cannot be checked.

    Raises:
        UsageError: the subject's source names no model.
        SourceError: the model does not build.
        ArmError: it has no block of that name, or the block does not run.
    """
    with torch.random.fork_rng(devices=[]), _NoSkeleton():
        torch.manual_seed(seed)
        model = sources.find(source_of(subject, finish)).build()
    model.train(subject.training)
    for module in model.modules():
        if isinstance(module, DROPOUT):
            module.p = 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # what a function draws is the same for both sides of a case
        example = example_of(subject, batch)
    given = subject.has_own_batch
    if subject.block:
        model, example = _block(model, example, subject.block, seed, on_values=given)
    calibrate(model, example, seed, whole=given)
    return Built(model, example)


def source_of(subject: Subject, finish: Finish) -> str:
    """The subject's source, with the finish as an argument if it takes one.

    >>> from costlab.bench.study import Subject
    >>> source_of(Subject("", "conv5x5(inputs=48)", (48, 35, 35), takes_finish=True), "bare")
    "conv5x5(inputs=48, finish='bare')"
    >>> source_of(Subject("", "conv5x5", (64, 35, 35), takes_finish=True), "bare")
    "conv5x5(finish='bare')"

    One that says its own finish keeps it:

    >>> own = "conv5x5(finish='bn_relu')"
    >>> source_of(Subject("", own, (64, 35, 35), takes_finish=True), "bare") == own
    True
    """
    if not subject.takes_finish or says_finish(subject.source):
        return subject.source
    head = subject.source.removesuffix(")")
    if head == subject.source:
        return f"{head}(finish={finish!r})"
    return f"{head}{'' if head.endswith('(') else ', '}finish={finish!r})"


def says_finish(source: str) -> bool:
    """Whether a source names a finish itself, so that none can be added.

    >>> says_finish("conv5x5(inputs=48, finish='bare')"), says_finish("net.py:finish(width=2)")
    (True, False)
    """
    return "finish" in split(source.strip()).kwargs


class _NoSkeleton(TorchFunctionMode):
    """Refuses tensors on meta, whereupon `costlab.skeleton` builds the model with its weights."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The result of a call that makes no tensor on meta."""
        if kwargs and str(kwargs.get("device")) == "meta":
            raise NotImplementedError("here a model is built with its weights")
        return func(*args, **(kwargs or {}))


def _values(example: Example, seed: int) -> Example:
    """Arguments on the CPU, with random numbers where there were only shapes."""
    return Rotation(
        example,
        1,
        dtype=torch.float32,
        device=torch.device("cpu"),
        layout="nchw",
        generator=torch.Generator().manual_seed(seed),
    ).at(0)


def _block(
    model: nn.Module, example: Example, path: str, seed: int, *, on_values: bool = False
) -> Built:
    """The block at a path, and what it is called with in a forward of the model.

    Whole numbers that go into it, such as those of tokens, are known from a forward on values only;
    and a forward that stops on shapes before it, as it makes tensors of its own, runs on values.
    What happens after the block was called is of no interest.

    Raises:
        ArmError: there is no such block, or no forward comes to it.
    """
    try:
        block = model.get_submodule(path)
    except AttributeError as error:
        message = f"{type(model).__name__} has no block {path!r}"
        raise ArmError(message) from error
    # A forward without data: on meta it takes neither time nor memory.
    shapes = copy.deepcopy(model).to("cpu" if on_values else "meta")
    given = _values(example, seed) if on_values else example
    calls: list[Example] = []

    def keep(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        calls.append((args, kwargs))

    shapes.get_submodule(path).register_forward_pre_hook(keep, with_kwargs=True)
    args, kwargs = given
    stopped: Exception | None = None
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            shapes(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - a model of the user's may raise anything
        stopped = error
    if calls:
        return Built(block, on_meta(calls[0]))
    name = type(model).__name__
    if stopped is None:
        message = f"{path} of {name} is not called in its forward"
        raise ArmError(message)
    if not on_values:
        return _block(model, example, path, seed, on_values=True)
    message = f"the forward of {name} ends before it comes to {path}: {in_words(stopped)}"
    raise ArmError(message) from stopped


def calibrate(model: nn.Module, example: Example, seed: int, *, whole: bool = False) -> None:
    """Draws weights anew and scales each layer so that what it writes is of the size of 1.

    Batch normalizations get statistics of the size of their input, no two channels alike, and an
    affine part that is neither 1 nor 0, so that none is without effect. That is measured on a few
    images, or on the `whole` example, where its tensors need not begin with images.
    """
    generator = torch.Generator().manual_seed(seed)
    hooks = [
        module.register_forward_hook(_scaled(module, generator))
        for module in model.modules()
        if isinstance(module, (*WEIGHTED, NORMALIZED))
    ]
    few = example if whole else pytree.tree_map(_first_images, example)
    inputs = Rotation(
        few,
        1,
        dtype=torch.float32,
        device=torch.device("cpu"),
        layout="nchw",
        generator=generator,
    )
    args, kwargs = inputs.at(0)
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(*args, **kwargs)
            if training:  # what only runs then, such as side heads, gets its weights now
                model.train()(*args, **kwargs)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()


def _first_images(leaf: Any) -> Any:
    return leaf[:CALIBRATED] if isinstance(leaf, torch.Tensor) and leaf.dim() else leaf


def _scaled(
    module: nn.Module, generator: torch.Generator
) -> Callable[[nn.Module, tuple[Any, ...], Any], Any]:
    """A hook that gives the layer its weights, seeing its input, and corrects what it wrote."""
    seen: list[bool] = []

    def hook(_module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if seen:  # called again: its weights are set
            return None
        seen.append(True)
        with torch.no_grad():  # which holds in one thread, and a model may call this in another
            if isinstance(module, NORMALIZED):
                _normalize(module, args[0], generator)
            else:
                _weigh(module, args[0], generator)
            return module.forward(*args) if isinstance(output, torch.Tensor) else None

    return hook


def _weigh(layer: nn.Module, x: Tensor, generator: torch.Generator) -> None:
    """Weights of a layer by which it writes numbers of the size of 1, and a small bias."""
    weight: Tensor = layer.weight  # type: ignore[assignment]  # its annotation says Tensor | Module
    bias: Tensor | None = layer.bias  # type: ignore[assignment]  # its annotation says Tensor | Module
    weight.copy_(torch.empty(weight.shape).normal_(generator=generator))
    if bias is not None:
        bias.zero_()
    size = _size(layer.forward(x))
    if size > 0:
        weight.div_(size)
    if bias is not None:
        bias.copy_(torch.empty(bias.shape).normal_(0, 0.1, generator=generator))


def _normalize(norm: nn.Module, x: Tensor, generator: torch.Generator) -> None:
    """Statistics of about the size of an input, and an affine part of about 1 and 0.

    They are not the input's own: to subtract these would leave a small difference of large numbers,
    and layer by layer more of what was rounded.
    """
    size = _size(x) or 1.0

    def uniform(low: float, high: float, like: Tensor) -> Tensor:
        return torch.empty(like.shape).uniform_(low, high, generator=generator)

    if isinstance(norm.running_var, torch.Tensor) and isinstance(norm.running_mean, torch.Tensor):
        norm.running_var.copy_(uniform(0.5, 2, norm.running_var) * size**2)
        norm.running_mean.copy_(uniform(-0.3, 0.3, norm.running_mean) * size)
    if isinstance(norm.weight, torch.Tensor) and isinstance(norm.bias, torch.Tensor):
        norm.weight.copy_(uniform(0.5, 1.5, norm.weight))
        norm.bias.copy_(uniform(-0.3, 0.3, norm.bias))


def _size(x: Tensor) -> float:
    """The root of the mean square."""
    return float(x.square().mean().sqrt())
