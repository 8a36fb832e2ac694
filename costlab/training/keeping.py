"""What autograd keeps of each operation for its backward: a literal table, an entry an operation.

An entry has a text for each operand, of what the gradient of that operand reads: `x0`, `x1`, … an
operand, `y0`, `y1` a result, and what is made besides:

- `picks`: the operands that say where: those of integers or booleans;
- `+x0`, `+y0`: a tensor of the size of that one;
- `mask`: a byte for each element of the result, as an accelerator's kernel keeps it;
- `places`: an int64 for each element of the result;
- `planes`: a factor for each plane (sample and channel) of the first operand;
- `scalar`: one element of the first operand's type;
- `channels`, `rows`, `groups`: a mean and a deviation for each; `scales`: a deviation for each row;
- `instances`: a mean and a deviation for each plane, and what a channel holds for each of its own;
- `norms`: a norm for each row, and the same once it is held above zero;
- `lines`: a float32 for each row of the result, the logarithm of a softmax's denominator.

The last text stands for all further operands. Source: torch's derivatives.yaml, checked against
`torch.autograd.graph.saved_tensors_hooks` operation by operation in the tests.
"""

from __future__ import annotations

Keeps = tuple[str, ...]


def each(keeps: Keeps, names: str) -> dict[str, Keeps]:
    """The same entry for several operations."""
    return dict.fromkeys(names.split(), keeps)


KEPT: dict[str, Keeps] = {
    # Products: each factor's gradient reads the other factor; a convolution keeps both at once.
    **each(
        ("x0 x1", "x0 x1", ""),
        "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution "
        "_convolution",
    ),
    **each(
        ("x1", "x0", ""),
        "linear matmul reversed_matmul mm bmm mv dot vdot outer ger inner linalg_vecdot kron "
        "tensordot mul",
    ),
    **each(("", "x2", "x1"), "addmm baddbmm addbmm addmv addr addcmul"),
    "_grouped_mm": ("x1 x2", "x0 x2", ""),
    "bilinear": ("x1 x2", "x0 x2", "x0 x1", ""),
    "scaled_dot_product_attention": ("x0 x1 x2 y0 lines",),
    "flex_attention": ("x0 x1 x2 x3 x4 x5 x6 y0 y1 y2",),
    # Normalizations keep what they read and the statistics that they computed.
    "batch_norm": ("x0 x1 x2 x3 channels",),
    "layer_norm": ("x0 x1 x2 rows",),
    "group_norm": ("x0 x1 groups",),
    "rms_norm": ("x0 x1 scales",),
    "instance_norm": ("x0 instances",),
    "normalize": ("x0 norms",),
    "_weight_norm_interface": ("x0 x1 y1",),
    "native_layer_norm": ("x0 x1 x2 y1 y2",),
    "native_group_norm": ("x0 x1 y1 y2",),
    **each(
        ("x0 x1 x3 x4 y1 y2",),
        "native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training",
    ),
    # Of one operand: what is read, what is made, or both.
    **each(
        ("x0",),
        "relu6 elu selu celu silu mish hardswish hardsigmoid gelu leaky_relu hardtanh threshold "
        "softplus softshrink hardshrink glu abs square nan_to_num log log2 log10 log1p sin cos "
        "sinh cosh asin acos atan asinh acosh atanh erf erfc erfinv lgamma digamma sinc i0 nansum "
        "var var_mean avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d "
        "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d "
        "replication_pad3d renorm",
    ),
    **each(
        ("y0",),
        "relu sigmoid tanh softmax softmin log_softmax exp expm1 exp2 sqrt rsqrt reciprocal tan",
    ),
    **each(
        ("x0 y0",),
        "reversed_pow prod amax amin std std_mean norm logsumexp cumprod linalg_vector_norm "
        "linalg_norm logcumsumexp",
    ),
    **each(("+x0",), "tanhshrink reversed_div"),
    **each(("x0 +x0",), "softsign rrelu"),
    "logsigmoid": ("x0 +x0",),
    "prelu": ("x0 x1",),
    **each(("mask",), "dropout fake_quantize_per_tensor_affine fake_quantize_per_channel_affine"),
    "native_dropout": ("y1",),
    "alpha_dropout": ("+x0",),
    **each(("planes",), "dropout1d dropout2d dropout3d feature_alpha_dropout"),
    # Of two and three operands.
    **each(
        ("x0 x1",),
        "atan2 xlogy logaddexp logaddexp2 maximum minimum fmax fmin clamp clamp_min clamp_max "
        "grid_sampler_2d grid_sampler_3d grid_sample mse_loss smooth_l1_loss huber_loss "
        "binary_cross_entropy binary_cross_entropy_with_logits gather",
    ),
    "div": ("x1", "x0 x1"),
    "complex": ("x0", "x1"),
    "polar": ("y0",),
    **each(("", "x0 x1"), "remainder fmod"),
    **each(("x0 x1 y0",), "pow _euclidean_dist _cdist_forward cdist"),
    "hypot": ("x0 y0", "x1 y0"),
    "copysign": ("x0 y0", "y0"),
    "lerp": ("x2", "x2", "x0 x1 x2"),
    "addcdiv": ("x2", "x2", "x1 x2"),
    "where": ("picks",),
    **each(("x1",), "masked_fill masked_scatter"),
    # What was picked, and where.
    **each(
        ("x0 places",),
        "max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d "
        "adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d",
    ),
    **each(
        ("x0 y1",),
        "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices "
        "adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices "
        "adaptive_max_pool3d_with_indices fractional_max_pool2d_with_indices "
        "fractional_max_pool3d_with_indices cummax cummin",
    ),
    **each(("y1",), "max min sort median nanmedian topk kthvalue"),
    **each(
        ("x1",),
        "max_unpool1d max_unpool2d max_unpool3d aten::max_unpool2d aten::max_unpool3d "
        "index_select scatter index_fill",
    ),
    **each(("picks",), "index index_put index_put_"),
    "scatter_add": ("", "", "x1"),
    "embedding": ("", "x0"),
    **each(("x0 x1",), "take_along_dim take"),
    "put": ("x1", "", "x1 x2"),
    "index_add": ("", "", "x1 x2"),
    "index_copy": ("x1", "", "x1 x2"),
    "scatter_reduce": ("x0 x1 x2 y0",),
    # Losses.
    "cross_entropy": ("x1 +x0 scalar",),
    "nll_loss": ("x0 x1 scalar",),
    **each(("x0 x1 y1",), "nll_loss_forward nll_loss2d_forward"),
    "l1_loss": ("+x0",),
    "pairwise_distance": ("+x0 y0",),
    **each(
        ("x0 x1",),
        "aten::mse_loss aten::smooth_l1_loss aten::huber_loss aten::binary_cross_entropy "
        "aten::binary_cross_entropy_with_logits "
        "_prelu_kernel",
    ),
    # Backwards that are a part of the forward, and are gone through backwards in turn.
    **each(
        ("x0 x1",),
        "_softmax_backward_data _log_softmax_backward_data elu_backward glu_backward tanh_backward "
        "sigmoid_backward gelu_backward silu_backward mish_backward softplus_backward "
        "hardswish_backward",
    ),
    **each(
        ("x0 x1 x2",),
        "convolution_backward _prelu_kernel_backward mse_loss_backward smooth_l1_loss_backward "
        "huber_loss_backward binary_cross_entropy_backward",
    ),
    **each(("x1",), "threshold_backward leaky_relu_backward hardtanh_backward"),
    "hardsigmoid_backward": ("x1", ""),
    "log_sigmoid_backward": ("x0 x1 x2",),
    **each(
        ("x2",),
        "max_pool2d_with_indices_backward max_pool3d_with_indices_backward nll_loss_backward "
        "nll_loss2d_backward",
    ),
    "embedding_dense_backward": ("x1",),
    "_scaled_dot_product_flash_attention_for_cpu": ("x0 x1 x2 y0 y1",),
    # Gradients that read nothing of the forward but shapes.
    **each(
        ("",),
        "add sub rsub neg sign round ceil floor trunc frac deg2rad rad2deg bernoulli floor_divide "
        "reversed_floor_divide reversed_remainder sum mean "
        "cumsum half bfloat16 float double cfloat cdouble cpu cuda to type type_as interpolate "
        "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d "
        "_upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d "
        "upsample_trilinear3d upsample_bicubic2d pixel_shuffle pixel_unshuffle channel_shuffle "
        "unfold fold cat stack hstack vstack dstack column_stack pad constant_pad_nd repeat tile "
        "repeat_interleave roll flip fliplr flipud rot90 clone copy fill zero tril triu "
        "__setitem__ _to_copy copy_ _pin_memory _scaled_mm "
        "block_diag aten::block_diag histc avg_pool2d_backward slice_backward select_backward "
        "_scaled_dot_product_flash_attention_for_cpu_backward",
    ),
}
"""What is kept of each operation."""

BY_RESULT = frozenset({"elu", "selu", "celu", "leaky_relu", "rrelu"})
"""Operations whose gradient in place reads the result, which tells the sign of what it was; torch
copies what another one overwrites and reads again (derivatives.yaml, the code made of it)."""
