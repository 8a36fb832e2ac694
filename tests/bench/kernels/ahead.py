"""Kernels compiled for a GPU that is not there: Triton's compiler and ptxas need none.

What this shows is that a kernel can be expressed, and what it takes of a processor; not that it is
right, which the interpreter shows, nor that it is fast.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

HOPPER, BLACKWELL = 90, 100
TYPES = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "fp32"}
OPTIONS = ("num_warps", "num_stages", "launch_pdl")


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a compiled kernel takes of a processor, and its assembly."""

    shared: int
    ptx: str

    @property
    def registers(self) -> int:
        """Registers of a thread."""
        return resources(self.ptx)[0]

    @property
    def spilled(self) -> int:
        """Bytes of registers that a thread keeps in memory, for want of more."""
        return resources(self.ptx)[1]


class Ahead:
    """Stands in the place of a kernel: what it would launch, it compiles."""

    def __init__(self, kernel: Any, found: list[Compiled], capability: int) -> None:
        self.kernel, self.found, self.capability = kernel, found, capability

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        """The launch on a grid."""
        assert all(side > 0 for side in grid)
        return self.launch

    def launch(self, *args: Any, **kwargs: Any) -> None:
        """Compiles for these arguments, as a launch would specialize them."""
        from triton import compiler
        from triton.backends.compiler import GPUTarget

        options = {name: kwargs.pop(name) for name in OPTIONS if name in kwargs}
        named = dict(zip(self.kernel.arg_names, args, strict=False)) | kwargs
        assert set(named) == set(self.kernel.arg_names)
        signature, constants, aligned = {}, {}, {}
        for place, name in enumerate(self.kernel.arg_names):
            value = named[name]
            if isinstance(value, torch.Tensor):
                signature[name] = f"*{TYPES[value.dtype]}"
                aligned[(place,)] = [["tt.divisibility", 16]]
            elif self.kernel.params[place].is_constexpr or value == 1:
                signature[name], constants[name] = "constexpr", value
            else:
                signature[name] = "i32"
                if value % 16 == 0:
                    aligned[(place,)] = [["tt.divisibility", 16]]
        source = compiler.ASTSource(self.kernel, signature, constants, aligned)
        made = compiler.compile(
            source, target=GPUTarget("cuda", self.capability, 32), options=options
        )
        self.found.append(Compiled(made.metadata.shared, made.asm["ptx"]))


@cache
def resources(ptx: str) -> tuple[int, int]:
    """Registers of a thread, and bytes that it spills, by the assembler's own report."""
    import triton

    target = re.search(r"^\.target (sm_(\d+)a?)", ptx, re.MULTILINE)
    assert target is not None
    # The package of Triton has an assembler of its own for these.
    name = "ptxas-blackwell" if int(target[2]) >= BLACKWELL else "ptxas"
    ptxas = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / name
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(ptx, encoding="utf-8")
        made = Path(folder) / "kernel.cubin"
        command = [*map(str, (ptxas, "-v", f"--gpu-name={target[1]}", source, "-o", made))]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    used = re.search(r"Used (\d+) registers", said)
    spilled = re.findall(r"(\d+) bytes spill stores", said)
    assert used is not None
    return int(used[1]), sum(map(int, spilled))


@contextmanager
def compiling(capability: int = HOPPER) -> Iterator[list[Compiled]]:
    """Within it, kernels are compiled where they would be launched; what came of it is listed."""
    from costlab.bench.kernels import in_parts, in_series, running

    found: list[Compiled] = []
    kernels: dict[Any, tuple[str, ...]] = {
        running: ("conv_bn_relu", "side_by_side", "conv_and_pool"),
        in_parts: ("partial_sums", "added_bn_relu"),
        in_series: ("between_in_cache", "between_in_shared"),
    }
    with ExitStack() as stack:
        for module, names in kernels.items():
            stand_ins: dict[str, Any] = {
                name: Ahead(getattr(module, name), found, capability) for name in names
            }
            stack.enter_context(mock.patch.multiple(module, **stand_ins))
        yield found
