"""Names of torch functions: which are spellings of another, and which make no tensor.

Does not know what an operation does (`costlab.ops.OPS`).
"""

from __future__ import annotations

ALIASES: dict[str, str] = {
    # Operators of Python, as methods of a tensor.
    "__add__": "add",
    "__radd__": "add",
    "__sub__": "sub",
    "__rsub__": "rsub",
    "__mul__": "mul",
    "__rmul__": "mul",
    "__div__": "div",
    "__rdiv__": "reversed_div",
    "__truediv__": "div",
    "__rtruediv__": "reversed_div",
    "__floordiv__": "floor_divide",
    "__rfloordiv__": "reversed_floor_divide",
    "__mod__": "remainder",
    "__rmod__": "reversed_remainder",
    "__pow__": "pow",
    "__rpow__": "reversed_pow",
    "__matmul__": "matmul",
    "__rmatmul__": "reversed_matmul",
    "__neg__": "neg",
    "__pos__": "positive",
    "__abs__": "abs",
    "__invert__": "bitwise_not",
    "__and__": "bitwise_and",
    "__rand__": "bitwise_and",
    "__or__": "bitwise_or",
    "__ror__": "bitwise_or",
    "__xor__": "bitwise_xor",
    "__rxor__": "bitwise_xor",
    "__lshift__": "bitwise_left_shift",
    "__rshift__": "bitwise_right_shift",
    "__eq__": "eq",
    "__ne__": "ne",
    "__lt__": "lt",
    "__le__": "le",
    "__gt__": "gt",
    "__ge__": "ge",
    # Synonyms.
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "clip": "clamp",
    "concat": "cat",
    "concatenate": "cat",
    "divide": "div",
    "fix": "trunc",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "row_stack": "vstack",
    "subtract": "sub",
    "true_divide": "div",
    # The names that torch gives its compiled functions.
    "_threshold": "threshold",
    "log_sigmoid": "logsigmoid",
    "native_channel_shuffle": "channel_shuffle",
    "linalg_matmul": "matmul",
    "special_erf": "erf",
    "special_erfc": "erfc",
    "special_erfinv": "erfinv",
    "special_exp2": "exp2",
    "special_expit": "sigmoid",
    "special_expm1": "expm1",
    "special_gammaln": "lgamma",
    "special_i0": "i0",
    "special_log1p": "log1p",
    "special_log_softmax": "log_softmax",
    "special_logsumexp": "logsumexp",
    "special_digamma": "digamma",
    "special_psi": "digamma",
    "special_round": "round",
    "special_sinc": "sinc",
    "special_softmax": "softmax",
    "special_xlogy": "xlogy",
}
"""Spellings of an operation, each with the name that its rule is listed under."""

METADATA: frozenset[str] = frozenset({
    # What a tensor is.
    "shape", "size", "dim", "ndim", "ndimension", "numel", "nelement", "__len__", "dtype",
    "itemsize", "element_size", "nbytes", "layout", "stride", "storage_offset", "dim_order",
    "is_contiguous", "names", "name", "_nnz", "sparse_dim", "dense_dim",
    # Where it is.
    "device", "get_device", "is_cpu", "is_cuda", "is_ipu", "is_maia", "is_meta", "is_mkldnn",
    "is_mps", "is_mtia", "is_vulkan", "is_xla", "is_xpu", "is_pinned", "is_shared",
    # Of what kind it is.
    "is_complex", "is_floating_point", "is_signed", "is_conj", "is_neg", "is_nested",
    "is_quantized", "is_sparse", "is_sparse_csr", "is_coalesced", "is_distributed",
    "is_inference", "is_same_size", "is_set_to", "_is_view", "_is_zerotensor", "qscheme",
    "result_type", "can_cast", "_has_symbolic_sizes_strides",
    # How it takes part in differentiation.
    "requires_grad", "grad", "grad_fn", "grad_dtype", "_grad", "_grad_fn", "is_leaf",
    "retains_grad", "retain_grad", "output_nr", "_version", "_base", "_backward_hooks",
    "_post_accumulate_grad_hooks", "register_hook", "register_post_accumulate_grad_hook",
    "volatile",
    # What Python asks of it.
    "__hash__", "__repr__", "__str__", "__format__", "__dir__", "__sizeof__", "__array_priority__",
    "__reduce_ex__", "__dlpack_device__", "_cdata", "_use_count", "_python_dispatch",
    # What it keeps its elements in.
    "storage", "untyped_storage", "_typed_storage", "storage_type", "record_stream",
})  # fmt: skip
"""Attributes and questions that make no tensor, move nothing and cost nothing: not recorded."""
