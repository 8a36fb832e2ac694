"""Inception-v3's inference, each block in the arm that is best for it, as one CUDA graph.

It knows no kernel. Any network whose blocks run one after the other (`costlab.zoo.trunk`) will do.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from costlab.bench.arms import attempted
from costlab.bench.correctness import judge, oracle, poison, tolerance_of
from costlab.bench.fused import fuse
from costlab.bench.kernels import build
from costlab.bench.seams import ArmError
from costlab.zoo.trunk import Auxiliary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from costlab.bench.study import Precision

    Block = Callable[[Tensor], Tensor]

WARM_UP = 3
"""Runs before a capture, in which whatever compiles has compiled (torch, CUDA semantics)."""
PRECISIONS: dict[torch.dtype, Precision] = {
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
    torch.float32: "tf32",
}


def _inductor(block: nn.Module, _x: Tensor) -> Block:
    compiled: Block = torch.compile(block, dynamic=False)
    return compiled


def _torch(block: nn.Module, _x: Tensor) -> Block:
    return block


MAKERS: dict[str, Callable[[nn.Module, Tensor], Block]] = {
    "ours": build,
    "cudnn": lambda block, _x: fuse(block),
    "inductor": _inductor,
    "torch": _torch,
}
"""The arms of a block: our kernels, cuDNN's convolution with ReLU, Inductor's, torch as it is."""


class Network:
    """A network ready for images of one shape, type and device.

    `arms` says which arm each block runs in, and `why` of each arm that was not to be had, why.
    A block without a convolution runs as it is.
    """

    def __init__(self, model: nn.Module, images: Tensor, arms: Mapping[str, str] | None) -> None:
        if model.training:
            raise ArmError("an inference path is for a network in eval mode: call model.eval()")
        self.arms: dict[str, str] = {}
        self.why: dict[str, str] = {}
        self._blocks: list[Block] = []
        self._kind = images.shape, images.dtype, images.device
        self._graph: torch.cuda.CUDAGraph | None = None
        x = images
        with torch.no_grad():
            for name, child in model.named_children():
                if isinstance(child, Auxiliary | nn.Dropout):
                    continue
                # Compiling and capturing may take hold of a module; the caller's is left alone.
                block = _flattening(copy.deepcopy(child))
                run: Block = block
                if any(isinstance(layer, nn.Conv2d) for layer in child.modules()):
                    self.arms[name], run = self._chosen(name, block, x, (arms or {}).get(name))
                self._blocks.append(run)
                x = run(x)
            if arms is not None and set(arms) != set(self.arms):
                odd = ", ".join(sorted(set(arms) ^ set(self.arms)))
                raise ArmError(f"the table of arms and the blocks of the network differ: {odd}")
            if images.device.type == "cuda":
                self._capture(images)

    def __call__(self, images: Tensor) -> Tensor:
        """What the network gives; on a GPU, memory that the next call writes to.

        Raises:
            ArmError: the images are of another shape, type or device.
        """
        if (images.shape, images.dtype, images.device) != self._kind:
            raise ArmError("the images differ from those that the network was made ready for")
        if self._graph is None:
            return self._run(images)
        self._input.copy_(images)
        self._graph.replay()
        return self._output

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
        timed: dict[str, float] = {}
        ready: dict[str, Block] = {}
        for arm, make in MAKERS.items():
            if wanted not in {None, arm}:
                continue
            try:
                ready[arm] = attempted(f"{name} in {arm}", partial(_right, make, block, x))
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
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
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


def _flattening(child: nn.Module) -> nn.Module:
    """A block; a linear layer reads the channels and places of an image as one row."""
    return nn.Sequential(nn.Flatten(), child) if isinstance(child, nn.Linear) else child


def _right(make: Callable[[nn.Module, Tensor], Block], block: nn.Module, x: Tensor) -> Block:
    """A block in an arm, held against float64 with poisoned outputs.

    Raises:
        ArmError: it is wrong, or cannot be made.
    """
    run = make(block, x)
    poison([run(x)])
    judge([run(x)], oracle(block, ((x,), {}), training=False), tolerance_of(PRECISIONS[x.dtype]))
    return run


def _time_s(run: Block, x: Tensor) -> float:
    """Seconds of a block as a graph, its input in no cache: the median."""
    from triton.testing import do_bench

    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
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
