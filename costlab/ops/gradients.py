"""Kernels of a backward, and of losses, by the names that torch's dispatcher has for them.

A forward that differentiates itself comes to them, and so does `torch.func`. Does not know which
gradients a step of training wants (`costlab.training`).
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.ops.attention import scaled_dot_product_attention
from costlab.ops.dtypes import is_kind, name_of
from costlab.ops.kernels import any_convolution
from costlab.ops.loss import RULES as LOSS_RULES
from costlab.ops.loss import nll_loss
from costlab.ops.operands import each
from costlab.ops.rule import SAME, Effect, Rule, Shaped, per_axis, require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from costlab.ops.pooling import Sizes

REDUCTIONS = ("none", "mean", "sum")
"""By number, as the dispatcher says them."""
SOFTMAX_BACKWARD = 4
"""Of dx = (g − Σ g·y)·y: a product, a sum, a difference, a product."""


def convolution_backward(
    grad_output: Shaped,
    input: Shaped,
    weight: Shaped,
    bias_sizes: Sequence[int] | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    output_mask: Sequence[bool],
) -> Effect:
    """The gradients that are asked for: of input and weight as many MACs as the convolution has.

    That of the bias is a sum of the output's gradient.
    """
    forward = any_convolution(
        input, weight, None, stride, padding, dilation, transposed, output_padding, groups
    )
    require(forward.shape == tuple(grad_output.shape))
    of_input, of_weight, of_bias = output_mask
    made = (tuple(input.shape), tuple(weight.shape), tuple(bias_sizes or ()))
    shapes = tuple([shape for shape, asked in zip(made, output_mask, strict=True) if asked])
    return Effect(
        shapes[0] if shapes else (),
        macs=forward.macs * (of_input + of_weight),
        flops=prod(grad_output.shape) if of_bias else 0,
        shapes=shapes,
    )


def flash_attention(
    query: Shaped,
    key: Shaped,
    value: Shaped,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Shaped | None = None,
    scale: float | None = None,
) -> Effect:
    """`scaled_dot_product_attention`, with the logarithm of each query's sum."""
    effect = scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale)
    statistics = "float64" if name_of(query.dtype) == "float64" else "float32"
    return effect._replace(shapes=(effect.shape, effect.shape[:-1]), dtype=(SAME, statistics))


def flash_attention_backward(
    grad_out: Shaped,
    query: Shaped,
    key: Shaped,
    value: Shaped,
    out: Shaped,
    logsumexp: Shaped,
    dropout_p: float,
    is_causal: bool,
    *,
    attn_mask: Shaped | None = None,
    scale: float | None = None,
) -> Effect:
    """The gradients of queries, keys and values: four products, where the forward has two.

    The scores that the kernel computes anew are its own choice and not counted.
    """
    del grad_out, out, logsumexp
    forward = scaled_dot_product_attention(
        query, key, value, attn_mask, dropout_p, is_causal, scale
    )
    scores = prod(query.shape[:-1]) * key.shape[-2]
    shapes = tuple([tuple(operand.shape) for operand in (query, key, value)])
    return Effect(shapes[0], macs=2 * forward.macs, flops=SOFTMAX_BACKWARD * scores, shapes=shapes)


def softmax_backward(grad_output: Shaped, output: Shaped, dim: int, input_dtype: object) -> Effect:
    """dx = (g − Σ g·y)·y along an axis; of a logarithm dx = g − eʸ·Σ g."""
    del dim
    shape = tuple(output.shape)
    require(shape == tuple(grad_output.shape) and is_kind(output, "f"))
    return Effect(shape, flops=SOFTMAX_BACKWARD * prod(shape), dtype=name_of(input_dtype))


def like(place: int) -> Rule:
    """The rule of a gradient that has the shape of this operand: one operation an element."""

    def rule(*operands: Shaped) -> Effect:
        require(is_kind(operands[place], "f"))
        return each(tuple(operands[place].shape), name_of(operands[place].dtype))

    return rule


def prelu_kernel_backward(grad_output: Shaped, input: Shaped, weight: Shaped) -> Effect:
    """The gradients of the input and, before it is summed, of the weight."""
    del grad_output
    shape = tuple(input.shape)
    require(is_kind(weight, "f"))
    return Effect(shape, flops=2 * prod(shape), shapes=(shape, shape))


def loss(name: str) -> Rule:
    """The rule of a loss whose reduction is a number."""
    by_name = LOSS_RULES[name]

    def rule(input: Shaped, target: Shaped, reduction: int = 1, *_options: float) -> Effect:
        require(type(reduction) is int)
        return by_name(input, target, reduction=REDUCTIONS[reduction])

    return rule


def binary_cross_entropy(
    input: Shaped, target: Shaped, weight: Shaped | None = None, reduction: int = 1
) -> Effect:
    """The loss, whose reduction is a number, without a weight."""
    require(weight is None)
    return loss("binary_cross_entropy")(input, target, reduction)


def binary_cross_entropy_with_logits(
    input: Shaped,
    target: Shaped,
    weight: Shaped | None = None,
    pos_weight: Shaped | None = None,
    reduction: int = 1,
) -> Effect:
    """The loss, whose reduction is a number, without weights."""
    require(weight is None and pos_weight is None)
    return loss("binary_cross_entropy_with_logits")(input, target, reduction)


def nll_loss_forward(
    input: Shaped, target: Shaped, weight: Shaped | None, reduction: int, ignore_index: int
) -> Effect:
    """`nll_loss`, its reduction by number, with the sum of the weights."""
    told = REDUCTIONS[reduction]
    effect = nll_loss(input, target, weight, ignore_index=ignore_index, reduction=told)
    return effect._replace(shapes=(effect.shape, ()))


def nll_loss_backward(
    grad_output: Shaped, input: Shaped, target: Shaped, *_settings: object
) -> Effect:
    """Zeros, and at each target its gradient: one operation a target."""
    del grad_output
    return Effect(tuple(input.shape), flops=prod(target.shape), dtype=name_of(input.dtype))


def max_pool_backward(grad_output: Shaped, input: Shaped, *_settings: object) -> Effect:
    """Each output's gradient added where its maximum was."""
    return Effect(tuple(input.shape), flops=prod(grad_output.shape))


def avg_pool2d_backward(
    grad_output: Shaped, input: Shaped, kernel_size: Sizes, *_settings: object
) -> Effect:
    """Each output's gradient added to its whole window."""
    window = prod(per_axis(kernel_size, 2))
    return Effect(tuple(input.shape), flops=window * prod(grad_output.shape))


def embedding_dense_backward(
    grad_output: Shaped, indices: Shaped, num_weights: int, *_settings: object
) -> Effect:
    """The table's gradient: one add an element of what was looked up."""
    rank = len(indices.shape)
    require(tuple(grad_output.shape[:rank]) == tuple(indices.shape))
    return Effect((num_weights, *grad_output.shape[rank:]), flops=prod(grad_output.shape))


def placed(grad_output: Shaped, input_sizes: Sequence[int], *_place: int) -> Effect:
    """Zeros of these sizes, and the gradient in a slice of them: elements move."""
    del grad_output
    return Effect(tuple(input_sizes))


CONVOLUTIONS: dict[str, Rule] = {"convolution_backward": convolution_backward}
ATTENTIONS: dict[str, Rule] = {
    "_scaled_dot_product_flash_attention_for_cpu": flash_attention,
    "_scaled_dot_product_flash_attention_for_cpu_backward": flash_attention_backward,
}
ACTIVATIONS: dict[str, Rule] = {
    "_softmax_backward_data": softmax_backward,
    "_log_softmax_backward_data": softmax_backward,
    "elu_backward": like(0),
    "glu_backward": like(1),
    "_prelu_kernel": like(0),
    "_prelu_kernel_backward": prelu_kernel_backward,
}
POOLINGS: dict[str, Rule] = {
    "max_pool2d_with_indices_backward": max_pool_backward,
    "max_pool3d_with_indices_backward": max_pool_backward,
    "avg_pool2d_backward": avg_pool2d_backward,
}
LOSSES: dict[str, Callable[..., Effect]] = {
    **{f"aten::{name}": loss(name) for name in ("mse_loss", "smooth_l1_loss", "huber_loss")},
    "aten::binary_cross_entropy": binary_cross_entropy,
    "aten::binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    **dict.fromkeys(
        (
            "mse_loss_backward", "smooth_l1_loss_backward", "huber_loss_backward",
            "binary_cross_entropy_backward",
        ),
        like(1),
    ),
    "nll_loss_forward": nll_loss_forward,
    "nll_loss2d_forward": nll_loss_forward,
    "nll_loss_backward": nll_loss_backward,
    "nll_loss2d_backward": nll_loss_backward,
}  # fmt: skip
INDEXINGS: dict[str, Rule] = {"embedding_dense_backward": embedding_dense_backward}
REARRANGEMENTS: dict[str, Rule] = {"slice_backward": placed, "select_backward": placed}
