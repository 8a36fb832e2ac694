"""Normalization layers: no MACs, a declared number of element-wise operations an element."""

from __future__ import annotations

from math import prod

from costlab.ops.dtypes import REAL, is_kind, name_of, wider
from costlab.ops.rule import SAME, Effect, Rule, Shaped, axis_of, numbers, require

# Element-wise operations an element. With statistics at hand, a normalization is one multiply and
# one add (the statistics folded); from the data, it also sums, squares and centres.
FROM_STATISTICS = 2
FROM_DATA = 5

ONE_VALUE = (
    "batch norm sees one value a channel; the cost is that of one image of a larger batch, "
    "as torch does not train on such a batch"
)


def _beside(input: Shaped, held: Shaped) -> bool:
    """Whether kernels take these weights or statistics with an input of this type.

    Of its own, or float32 beside half precision, as under autocast (ATen, `mixed_data_type`).
    """
    half = name_of(input.dtype) in ("bfloat16", "float16")
    return held.dtype == input.dtype or (half and name_of(held.dtype) == "float32")


def batch_norm(
    input: Shaped,
    running_mean: Shaped | None = None,
    running_var: Shaped | None = None,
    weight: Shaped | None = None,
    bias: Shaped | None = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Effect:
    """y = (x − μ_c) / √(σ²_c + ε) · γ_c + β_c; 2 operations an element, 5 if μ, σ are computed.

    Shapes: input (n, c, *), statistics and affine (c,), output as the input.
    """
    del momentum, eps, cudnn_enabled
    shape = tuple(input.shape)
    require(len(shape) > 1 and is_kind(input, REAL))
    channels = shape[1:2]
    for each in (running_mean, running_var, weight, bias):
        require(each is None or (each.shape == channels and _beside(input, each)))
    require((running_mean is None) == (running_var is None))
    require(training or running_mean is not None)
    # One value a channel has no variance, and torch refuses to train on such a batch. Its cost is
    # defined all the same: that of one image of a batch is what a training report is asked for.
    alone = training and prod(shape) == shape[1]
    return Effect(
        shape,
        flops=prod(shape) * (FROM_DATA if training else FROM_STATISTICS),
        attributes={"remark": ONE_VALUE} if alone else {},
    )


def instance_norm(
    input: Shaped,
    running_mean: Shaped | None = None,
    running_var: Shaped | None = None,
    weight: Shaped | None = None,
    bias: Shaped | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Effect:
    """Batch normalization of each sample and channel by itself; 5 operations an element.

    Shapes: input (n, c, *), affine (c,), output as the input. `repeated` are those of the tensors
    a channel, but for the bias, of which the kernel has a copy for each sample.
    """
    del momentum, eps, cudnn_enabled
    shape = tuple(input.shape)
    require(len(shape) > 2 and is_kind(input, REAL))
    require(not use_input_stats or prod(shape[2:]) > 1)
    for statistic in (running_mean, running_var, weight, bias):
        require(statistic is None or tuple(statistic.shape) == shape[1:2])
        require(statistic is None or _beside(input, statistic))
    require((running_mean is None) == (running_var is None))
    require(use_input_stats or running_mean is not None)
    return Effect(
        shape,
        flops=prod(shape) * (FROM_DATA if use_input_stats else FROM_STATISTICS),
        attributes={
            "repeated": sum(each is not None for each in (running_mean, running_var, weight)),
            "from_data": use_input_stats,
        },
    )


def layer_norm(
    input: Shaped,
    normalized_shape: int | list[int] | tuple[int, ...],
    weight: Shaped | None = None,
    bias: Shaped | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Effect:
    """y = (x − μ) / √(σ² + ε) · γ + β over the last axes; 5 operations an element.

    Shapes: input (…, *normalized_shape), affine normalized_shape, output as the input.
    """
    del eps, cudnn_enable
    tail = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    shape = tuple(input.shape)
    require(len(tail) > 0 and is_kind(input, REAL) and shape[-len(tail) :] == tail)
    for affine in (weight, bias):
        require(affine is None or (tuple(affine.shape) == tail and _beside(input, affine)))
    return Effect(shape, flops=prod(shape) * FROM_DATA)


def rms_norm(
    input: Shaped,
    normalized_shape: int | list[int] | tuple[int, ...],
    weight: Shaped | None = None,
    eps: float | None = None,
) -> Effect:
    """y = x / √(mean x² + ε) · γ over the last axes; 4 operations an element (nothing centred)."""
    require(weight is None or weight.dtype == input.dtype)  # others are converted first
    shape, _, flops, *_ = layer_norm(input, normalized_shape, weight)
    del eps
    return Effect(shape, flops=flops // FROM_DATA * (FROM_DATA - 1))


def group_norm(
    input: Shaped,
    num_groups: int,
    weight: Shaped | None = None,
    bias: Shaped | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Effect:
    """Normalization over groups of channels and all positions; 5 operations an element.

    Shapes: input (n, c, *) with c divisible by `num_groups`, affine (c,), output as the input.
    """
    del eps, cudnn_enabled
    shape = tuple(input.shape)
    require(
        len(shape) > 1 and is_kind(input, REAL) and num_groups > 0 and shape[1] % num_groups == 0
    )
    require(prod(shape) > shape[0] * num_groups)
    for affine in (weight, bias):
        require(affine is None or (tuple(affine.shape) == shape[1:2] and _beside(input, affine)))
    return Effect(shape, flops=prod(shape) * FROM_DATA, attributes={"groups": num_groups})


def local_response_norm(
    input: Shaped, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Effect:
    """y = x / (k + α/size · Σ x²)^β over `size` channels; size + 4 operations an element.

    One square, `size` adds, then scale and shift, a power and a division.
    Source: Krizhevsky et al. 2012, §3.3.
    """
    del alpha, beta, k
    shape = tuple(input.shape)
    require(len(shape) > 2 and size > 0 and is_kind(input, REAL))
    return Effect(shape, flops=prod(shape) * (size + 4), attributes={"size": size})


def normalize(
    input: Shaped, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: object = None
) -> Effect:
    """y = x / max(‖x‖_p, ε) along an axis; 3 operations an element: power, sum, division."""
    numbers(p, eps)
    require(out is None and is_kind(input, REAL))
    axis = axis_of(dim, len(input.shape))
    norms = prod([size for at, size in enumerate(input.shape) if at != axis])
    return Effect(tuple(input.shape), flops=3 * prod(input.shape), attributes={"norms": norms})


def weight_norm(v: Shaped, g: Shaped, dim: int = 0) -> Effect:
    """w = g · v / ‖v‖ with a norm for each index of an axis; 3 operations an element of v.

    One to square, one to sum, one to scale; and two a norm, its root and the division of g.

    Shapes: v (…, n, …), g n along `dim` and 1 elsewhere; output as v, then the norms, as g.
    Source: Salimans and Kingma 2016, §2.
    """
    shape, scales = tuple(v.shape), tuple(g.shape)
    # Torch has a kernel for the first axis and for the last.
    require(len(shape) > 0 and dim in (0, len(shape) - 1))
    require(v.dtype == g.dtype and is_kind(v, REAL))
    require(scales == tuple([size if axis == dim else 1 for axis, size in enumerate(shape)]))
    return Effect(
        shape,
        flops=3 * prod(shape) + 2 * prod(scales),
        dtype=(SAME, wider(name_of(v.dtype), "float32")),
        shapes=(shape, scales),
    )


def renorm(input: Shaped, p: float, dim: int, maxnorm: float) -> Effect:
    """y = x · min(1, m / ‖x_c‖_p) for each slice of an axis: power, sum and product an element."""
    numbers(p, maxnorm)
    shape = tuple(input.shape)
    require(len(shape) > 1 and is_kind(input, "fc") and p > 0 and maxnorm >= 0)
    axis_of(dim, len(shape))
    return Effect(shape, flops=3 * prod(shape))


RULES: dict[str, Rule] = {
    "_weight_norm_interface": weight_norm,
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "local_response_norm": local_response_norm,
    "normalize": normalize,
    "renorm": renorm,
}
