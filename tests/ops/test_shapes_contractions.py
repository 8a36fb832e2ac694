"""Matrix products, normalizations and attention give the kernels' shapes, or decline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from tests.ops.agreement import agrees
from tests.ops.draws import axis, like, randomly, shape, tensor

if TYPE_CHECKING:
    from random import Random


def dtype(rng: Random) -> torch.dtype:
    """Mostly float32, so that two operands mostly agree."""
    return rng.choice([torch.float32] * 12 + [torch.float64, torch.int64, torch.bool])


@randomly(600)
def test_matrix_products(rng: Random) -> None:
    """Products of vectors, matrices and batches, of sizes that mostly fit."""
    n, m, p, b = (rng.randint(1, 4) for _ in range(4))
    fits = m if rng.random() < 0.9 else m + 1
    left = rng.choice([[m], [n, m], [b, n, m], [2, 1, n, m], []])
    right = rng.choice([[fits], [fits, p], [b, fits, p], [3, fits, p], [b, fits, p]])
    x, y = tensor(*left, dtype=dtype(rng)), tensor(*right, dtype=dtype(rng))
    for name in ("matmul", "mm", "bmm", "mv", "dot", "vdot", "outer", "ger", "inner", "kron"):
        agrees(name, getattr(torch, name), x, y)
    agrees("reversed_matmul", lambda a, c: c @ a, y, x)
    added = tensor(*rng.choice([[], [1], [p], [n, p], [1, n, p], [n, m], [b, n, p]]))
    for name in ("addmm", "baddbmm", "addmv", "addbmm", "addr"):
        scale: dict[str, float] = rng.choice([{}, {"beta": 0}, {"beta": 2.0, "alpha": 0.5}])
        agrees(name, getattr(torch, name), added, x, y, **scale)
    agrees("linalg_vecdot", torch.linalg.vecdot, x, y, dim=axis(rng, max(x.ndim, y.ndim)))


@randomly(300)
def test_tensordot(rng: Random) -> None:
    """Any axes are contracted with any others."""
    x, y = tensor(*shape(rng, (0, 4), (1, 2))), tensor(*shape(rng, (0, 4), (1, 2)))
    count = rng.randint(0, 2)
    pair = ([axis(rng, x.ndim) for _ in range(count)], [axis(rng, y.ndim) for _ in range(count)])
    agrees("tensordot", torch.tensordot, x, y, rng.choice([count, pair, pair]))


@randomly(500)
def test_linear(rng: Random) -> None:
    """Linear and bilinear layers on inputs of any rank."""
    sizes = shape(rng, (1, 4))
    outputs, right = rng.randint(1, 4), rng.randint(1, 4)
    x = tensor(*sizes, dtype=dtype(rng))
    inputs = sizes[-1] + (rng.random() < 0.1)
    weight = tensor(*rng.choice([[outputs, inputs], [outputs, inputs], [inputs]]))
    bias = rng.choice([None, tensor(outputs), tensor(1), tensor(), tensor(1, outputs)])
    agrees("linear", F.linear, x, weight, bias)
    y = tensor(*sizes[:-1], right)
    cube = tensor(outputs, inputs, right)
    agrees("bilinear", F.bilinear, x, y, cube, rng.choice([None, tensor(outputs), tensor(1)]))


@randomly(1000)
def test_einsum(rng: Random) -> None:
    """Equations with repeated labels, ellipses, sizes of 1 and implicit outputs."""
    sizes = {label: rng.choice([1, 2, 3, 4]) for label in "ijkB"}

    def term() -> tuple[str, list[int]]:
        labels = [rng.choice("ijkB") for _ in range(rng.randint(0, 3))]
        named = [1 if rng.random() < 0.1 else sizes[label] for label in labels]
        text = "".join(labels)
        if rng.random() < 0.3:
            at = rng.randint(0, len(labels))
            hidden = [2, 3][: rng.randint(0, 2)] if rng.random() < 0.9 else [1, 3]
            named[at:at] = hidden
            text = f"{text[:at]}...{text[at:]}"
        return text, named

    terms = [term() for _ in range(rng.choice([1, 2, 2, 2, 2, 3]))]
    equation = rng.choice([",", ", "]).join(text for text, _ in terms)
    if rng.random() < 0.8:
        known = sorted(set(equation) & set("ijkB"))
        kept = [label for label in known if rng.random() < 0.5]
        rng.shuffle(kept)
        equation += "->" + ("..." if "..." in equation and rng.random() < 0.8 else "")
        equation += "".join(kept)
    operands = [tensor(*named) for _, named in terms]
    agrees("einsum", torch.einsum, equation, *operands)
    agrees("einsum", torch.einsum, equation, operands)


@randomly(400)
def test_normalization(rng: Random) -> None:
    """Normalizations with and without statistics, weights and biases."""
    sizes = shape(rng, (0, 5), (1, 4))
    x = tensor(*sizes)
    channels = (sizes[1] if len(sizes) > 1 else 3) + (rng.random() < 0.1)
    vectors = [rng.choice([None, tensor(channels)]) for _ in range(4)]
    training = rng.random() < 0.5
    # One value a channel is priced, with a remark, where torch refuses to train on it.
    if not training or x.numel() > x.shape[1:2].numel():
        agrees("batch_norm", F.batch_norm, x, *vectors, training)
    agrees("instance_norm", F.instance_norm, x, *vectors, training)
    tail = sizes[rng.randint(0, len(sizes)) :]
    affine = [rng.choice([None, tensor(*tail)]) for _ in range(2)]
    agrees("layer_norm", F.layer_norm, x, tail, *affine)
    agrees("layer_norm", F.layer_norm, x, (3,), None, None, 1e-6)
    agrees("rms_norm", F.rms_norm, x, tail, affine[0])
    agrees("group_norm", F.group_norm, x, rng.randint(0, 4), *vectors[2:])
    agrees("local_response_norm", F.local_response_norm, x, rng.randint(0, 4))
    agrees("normalize", F.normalize, x, dim=axis(rng, len(sizes)))


@randomly(400)
def test_attention(rng: Random) -> None:
    """Attention of several heads, with masks, broadcast batches and grouped queries."""
    queries, keys, width, value_width = (rng.randint(1, 4) for _ in range(4))
    lead = shape(rng, (0, 2), (1, 3))
    heads = like(rng, lead)
    query = tensor(*lead, queries, width)
    key = tensor(*heads, keys, width if rng.random() < 0.9 else 5)
    value = tensor(*heads, keys, value_width)
    mask = rng.choice(
        [
            None,
            tensor(queries, keys),
            tensor(queries, keys, dtype=torch.bool),
            tensor(*lead, 1, keys),
            tensor(2, 1, 1, queries, keys),
        ]
    )
    causal, grouped = rng.random() < 0.3, rng.random() < 0.3
    agrees(
        "scaled_dot_product_attention",
        F.scaled_dot_product_attention,
        query, key, value, mask,
        is_causal=causal, enable_gqa=grouped,
    )  # fmt: skip


@randomly(300)
def test_distances(rng: Random) -> None:
    """Distances between rows, pairwise and elementwise."""
    sizes = shape(rng, (0, 4), (1, 4))
    x = tensor(*sizes, dtype=dtype(rng))
    y = tensor(*like(rng, sizes), dtype=dtype(rng))
    agrees("cdist", torch.cdist, x, y, rng.choice([2.0, 2, 1.0, 0.0, -1.0]))
    agrees("cosine_similarity", F.cosine_similarity, x, y, axis(rng, len(sizes)))
    agrees("pairwise_distance", F.pairwise_distance, x, y, keepdim=rng.random() < 0.5)
