"""What autocast does to the operands of an operation: which it converts, and to which type.

Does not know what a conversion costs: it is a call of `Tensor.to`, and its rule says.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from costlab.tracing.tensors import map_tensors, tensors_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Convert = Callable[[torch.Tensor, torch.dtype], torch.Tensor]

LOWER = frozenset({
    "_convolution", "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "convolution", "cudnn_convolution",
    "cudnn_convolution_transpose", "prelu", "addmm", "addmv", "addr", "matmul", "einsum", "mm",
    "mv", "linalg_vecdot", "linear", "addbmm", "baddbmm", "bmm", "chain_matmul",
    "linalg_multi_dot", "_thnn_fused_lstm_cell", "_thnn_fused_gru_cell", "lstm_cell", "gru_cell",
    "rnn_tanh_cell", "rnn_relu_cell", "_scaled_dot_product_flash_attention",
    "scaled_dot_product_attention", "mkldnn_rnn_layer", "_native_multi_head_attention",
    "_addmm_activation",
})  # fmt: skip
"""Operations that autocast computes in its own type, on each device that lists them.

Source: "Automatic Mixed Precision package", autocast op reference, PyTorch documentation.
"""
PROMOTED = {
    "cpu": frozenset({"stack", "cat", "index_copy"}),
    "cuda": frozenset({
        "addcdiv", "addcmul", "atan2", "bilinear", "cross", "dot", "vdot", "grid_sampler",
        "index_put", "tensordot", "scatter_add",
    }),
}  # fmt: skip
"""Operations whose operands autocast brings to the widest of their types; same source.

What a device lists beside these and the above is computed in float32.
"""
TOLD_THE_TYPE = frozenset({
    "prod", "softmax", "log_softmax", "cumprod", "cumsum", "sum", "linalg_vector_norm",
    "linalg_matrix_norm", "norm", "linalg_vecdot",
})  # fmt: skip
"""Operations of float32 on a CUDA device that convert what they read, and copy nothing."""
SPELLINGS = {
    "cpu": {
        "cross_entropy": "cross_entropy_loss",
        "grid_sample": "grid_sampler",
        "einsum": "bmm",
        "tensordot": "mm",
        "inner": "mm",
        "linalg_multi_dot": "mm",
        "chain_matmul": "mm",
    },
    "cuda": {
        "cross_entropy": "nll_loss",
        "grid_sample": "grid_sampler",
        "interpolate": "upsample_nearest2d",
        "upsample": "upsample_nearest2d",
        "normalize": "norm",
    },
}
"""Functions that are made of others, by the operation that decides which type they return."""
KEYS = {"cpu": "AutocastCPU", "cuda": "AutocastCUDA"}


@cache
def listed(device: str) -> frozenset[str]:
    """The operations that autocast changes on a device, as torch's dispatcher has them.

    >>> "linear" in listed("cpu"), "relu" in listed("cpu")
    (True, False)
    """
    key = KEYS[device]
    return frozenset(
        name.removeprefix("aten::").partition(".")[0]
        for name in torch._C._dispatch_get_all_op_names()  # noqa: SLF001 - torch has no public name for it
        if name.startswith("aten::") and torch._C._dispatch_has_kernel_for_dispatch_key(name, key)  # noqa: SLF001 - torch has no public name for it
    )


def is_nested() -> bool:
    """Whether a region is entered from within another, whose converted weights it shares."""
    depth: int = torch.autocast_increment_nesting()
    torch.autocast_decrement_nesting()
    return depth > 1


class Autocast:
    """The conversions of one device under autocast; a weight is converted once a region."""

    def __init__(self, device: str, convert: Convert) -> None:
        """For tensors that the forward believes on that device; `convert` carries one out."""
        self.device, self.convert = device, convert
        self.cached: dict[int, torch.Tensor] = {}

    @property
    def dtype(self) -> torch.dtype:
        """The type that autocast computes in."""
        # Asked each time: a region is entered before its type is set.
        return torch.get_autocast_dtype(self.device)

    def operands(self, name: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The arguments of an operation, converted as autocast does it."""
        name = SPELLINGS[self.device].get(name, name)
        if name not in listed(self.device):
            return args, kwargs
        if name in LOWER:
            return self._in_type(self.dtype, args, kwargs)
        if name in PROMOTED[self.device]:
            types = {x.dtype for x in tensors_of(args, kwargs) if self._takes_part(x)}
            wide = torch.float32 if torch.float32 in types else self.dtype
            return self._in_type(wide, args, kwargs) if len(types) > 1 else (args, kwargs)
        if self.device == "cuda" and name in TOLD_THE_TYPE:
            told = kwargs.get("dtype") is not None or any(type(x) is torch.dtype for x in args)
            half = any(map(self._takes_part, tensors_of(args, kwargs)))
            return args, (kwargs if told or not half else {**kwargs, "dtype": torch.float32})
        return self._in_type(torch.float32, args, kwargs)

    def _in_type(self, dtype: torch.dtype, args: Any, kwargs: Any) -> tuple[Any, Any]:
        def change(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.dtype is dtype or not self._takes_part(tensor):
                return tensor
            # torch keeps the converted weights of a region that a backward may ask for.
            weight = tensor.requires_grad and tensor.is_leaf and tensor.dtype is torch.float32
            if not (weight and dtype is self.dtype and torch.is_autocast_cache_enabled()):
                return self.convert(tensor, dtype)
            if id(tensor) not in self.cached:
                self.cached[id(tensor)] = self.convert(tensor, dtype)
            return self.cached[id(tensor)]

        changed: tuple[Any, Any] = map_tensors(change, (args, kwargs))
        return changed

    @staticmethod
    def _takes_part(tensor: torch.Tensor) -> bool:
        return tensor.is_floating_point() and tensor.dtype is not torch.float64
