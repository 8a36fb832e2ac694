"""Inception-v3's inference, each block in the arm that is best for it, as one CUDA graph.

It knows no kernel. Any network whose blocks run one after the other (`costlab.zoo.trunk`) will do.
The arm `best-blocks` of `costlab bench` is what `recordable` gives.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from costlab.bench.arms import attempted, function_of
from costlab.bench.correctness import judge, oracle, poison, tolerance_of
from costlab.bench.fused import fuse
from costlab.bench.kernels import build
from costlab.bench.kernels.arguments import current
from costlab.bench.kernels.weights import changed
from costlab.bench.seams import ArmError
from costlab.zoo.trunk import Auxiliary, Trunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from costlab.bench.study import Precision

    Block = Callable[[Tensor], Tensor]

WARM_UP = 3
"""Runs before a capture, in which whatever compiles has compiled (torch, CUDA semantics)."""
PRECISIONS: dict[torch.dtype, Precision] = {
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
    torch.float32: "tf32",
}


def _inductor(block: nn.Module, x: Tensor) -> Block:
    # As the arm `compile`: past a limit of modules that share their code, torch would run eager.
    return function_of("compile", block, ((x,), {}))


def _torch(block: nn.Module, _x: Tensor) -> Block:
    return block


MAKERS: dict[str, Callable[[nn.Module, Tensor], Block]] = {
    "ours": build,
    "cudnn": lambda block, _x: fuse(block),
    "inductor": _inductor,
    "torch": _torch,
}
"""The arms of a block: our kernels, cuDNN's convolution with ReLU, Inductor's, torch as it is."""
CHOSEN: dict[str, Mapping[str, str]] = {}
"""The arms that were measured in this process, by network and images: as many copies of a network
as are timed in turn, and each side of each comparison, need them once."""


class Network:
    """A network ready for images of one shape, type and device.

    `arms` says which arm each block runs in, and `why` of each arm that was not to be had, why.
    A block without a convolution runs as it is.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        arms: Mapping[str, str] | None,
        *,
        recorded: bool = True,
    ) -> None:
        if model.training:
            raise ArmError("an inference path is for a network in eval mode: call model.eval()")
        if type(model).forward not in {Trunk.forward, nn.Sequential.forward} or changed(model):
            raise ArmError(
                f"{type(model).__name__} is no sequence of blocks, each of which reads what the "
                "one before it wrote (costlab.zoo.trunk.Trunk, or nn.Sequential)"
            )
        self.arms: dict[str, str] = {}
        self.why: dict[str, str] = {}
        self._blocks: list[Block] = []
        self._kind = _kind(images)
        self._graph: torch.cuda.CUDAGraph | None = None
        x = images
        with torch.no_grad(), current(images):
            for name, block in _blocks(model):
                run: Block = block
                if any(isinstance(layer, nn.Conv2d) for layer in block.modules()):
                    self.arms[name], run = self._chosen(name, block, x, (arms or {}).get(name))
                self._blocks.append(run)
                x = run(x)
            if arms is not None and set(arms) != set(self.arms):
                odd = ", ".join(sorted(set(arms) ^ set(self.arms)))
                raise ArmError(f"the table of arms and the blocks of the network differ: {odd}")
            if recorded and images.device.type == "cuda":
                self._capture(images)

    def __call__(self, images: Tensor) -> Tensor:
        """What the network gives; on a GPU, memory that the next call writes to.

        Raises:
            ArmError: the images are of another shape, type or device.
        """
        if _kind(images) != self._kind:
            raise ArmError("the images differ from those that the network was made ready for")
        if self._graph is None:
            return self._run(images)
        self._input.copy_(images)
        self._graph.replay()
        return self._output

    @property
    def declined(self) -> tuple[str, ...]:
        """The blocks that other arms than ours run, each with which."""
        return tuple(f"{name}: in {arm}" for name, arm in self.arms.items() if arm != "ours")

    @torch.no_grad()
    def _run(self, images: Tensor) -> Tensor:
        x = images
        for block in self._blocks:
            x = block(x)
        return x

    def _chosen(
        self, name: str, block: nn.Module, x: Tensor, wanted: str | None
    ) -> tuple[str, Block]:
        """The arm of a block: the one that is asked for, else the fastest, off a GPU the first."""
        if wanted is not None and wanted not in MAKERS:
            raise ArmError(f"{name}: there is no arm {wanted!r}; it is one of {', '.join(MAKERS)}")
        exact = oracle(block, ((x,), {}), training=False)
        timed: dict[str, float] = {}
        ready: dict[str, Block] = {}
        for arm, make in MAKERS.items():
            if wanted not in {None, arm}:
                continue
            try:
                ready[arm] = attempted(f"{name} in {arm}", partial(_right, make, block, x, exact))
            except ArmError as error:
                self.why[f"{name}: {arm}"] = str(error)
                continue
            if x.device.type != "cuda":
                return arm, ready[arm]
            timed[arm] = _time_s(ready[arm], x)
        if not timed:
            told = "; ".join(text for key, text in self.why.items() if key.startswith(f"{name}:"))
            raise ArmError(f"no arm runs {name}: {told}")
        best = min(timed, key=timed.__getitem__)
        return best, ready[best]

    def _capture(self, images: Tensor) -> None:
        """Records all blocks as one graph, on memory of its own."""
        self._input = images.clone(memory_format=torch.preserve_format)
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._run(self._input)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._output = self._run(self._input)
        self._graph = graph


def ready(model: nn.Module, images: Tensor, arms: Mapping[str, str] | None = None) -> Network:
    """A network ready to infer; its blocks' arms are measured, unless a table says them.

    The model is untouched; its weights and the images are channels last and of one type.

    Raises:
        ArmError: the model is being trained, a block runs in no arm, or the table is of others.
    """
    return Network(model, images, arms)


def recordable(model: nn.Module, *images: Tensor, **options: Any) -> Network:
    """The same without a graph of its own, for a bench that records it on inputs that rotate.

    Raises:
        ArmError: as `ready`, or it is not given images alone.
    """
    if len(images) != 1 or options:
        raise ArmError("the best arm a block is for a network that takes images, and nothing else")
    key = f"{type(model).__name__} {_kind(images[0])} " + " ".join(
        f"{name}{tuple(tensor.shape)}" for name, tensor in model.named_parameters()
    )
    network = Network(model, images[0], CHOSEN.get(key), recorded=False)
    CHOSEN[key] = network.arms
    return network


def _kind(images: Tensor) -> tuple[torch.Size, torch.dtype, torch.device]:
    return images.shape, images.dtype, images.device


def _blocks(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Copies of what a forward runs, in order, by name: compiling may take hold of a module.

    A child with two names runs twice in a `Sequential`, and once in a `Trunk`, whose linear layers
    read the channels and places of an image as one row.
    """
    trunk = isinstance(model, Trunk)
    children = dict(model.named_children()) if trunk else model._modules  # noqa: SLF001 - with all names
    for name, child in children.items():
        beside = trunk and isinstance(child, Auxiliary)
        if child is None or beside or isinstance(child, nn.Dropout):
            continue
        block = copy.deepcopy(child)
        flat = trunk and isinstance(child, nn.Linear)
        yield name, nn.Sequential(nn.Flatten(), block) if flat else block


def _right(
    make: Callable[[nn.Module, Tensor], Block], block: nn.Module, x: Tensor, exact: list[Tensor]
) -> Block:
    """A block in an arm, held against float64 with poisoned outputs.

    Raises:
        ArmError: it is wrong, or cannot be made.
    """
    run = make(block, x)
    poison([run(x)])
    judge([run(x)], exact, tolerance_of(PRECISIONS[x.dtype]))
    return run


def _time_s(run: Block, x: Tensor) -> float:
    """Seconds of a block as a graph, its input in no cache: the median."""
    from triton.testing import do_bench

    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            run(x)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept: Any = run(x)
    median_ms: Any = do_bench(graph.replay, return_mode="median")
    del kept
    return float(median_ms) / 1e3
