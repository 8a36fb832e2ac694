"""Matrix products, each by the sizes that are contracted."""

from __future__ import annotations

from math import prod

from costlab.ops.dtypes import is_kind, name_of, promoted, wider
from costlab.ops.rule import Declined, Effect, Rule, Shape, Shaped, axis_of, broadcast, require
from costlab.ops.sparse import sparse_products, stored


def matmul(input: Shaped, other: Shaped) -> Effect:
    """y[…,n,p] = Σ a[…,n,m] · b[…,m,p], vectors as in `torch.matmul`  →  MACs = ∏(…) · n·p·m.

    Leading axes are broadcast; a vector on either side has its axis added and removed. Of a sparse
    operand the elements that it stores are multiplied.
    """
    a, b = tuple(input.shape), tuple(other.shape)
    require(len(a) > 0 and len(b) > 0 and input.dtype == other.dtype and is_kind(input, "ifc"))
    left = a if len(a) > 1 else (1, *a)
    right = b if len(b) > 1 else (*b, 1)
    require(left[-1] == right[-2])
    lead = broadcast([left[:-2], right[:-2]])
    rows = left[-2:-1] if len(a) > 1 else ()
    columns = right[-1:] if len(b) > 1 else ()
    shape = (*lead, *rows, *columns)
    few = sparse_products(input, other, shape)
    return Effect(shape, macs=prod(shape) * a[-1] if few is None else few)


def reversed_matmul(input: Shaped, other: Shaped) -> Effect:
    """`other @ input`: the product with its operands the other way round (`__rmatmul__`)."""
    return matmul(other, input)


def sparse_mm(input: Shaped, mat2: Shaped) -> Effect:
    """y[n,p] = Σ a[n,m] · b[m,p] over the stored elements of a  →  MACs = nnz · p."""
    require(stored(input) is not None)
    return mm(input, mat2)


def exactly(left_rank: int, right_rank: int) -> Rule:
    """The rule of a product that takes operands of just these ranks and does not broadcast."""

    def product(input: Shaped, other: Shaped) -> Effect:
        require(len(input.shape) == left_rank and len(other.shape) == right_rank)
        require(right_rank < 3 or input.shape[:-2] == other.shape[:-2])
        return matmul(input, other)

    return product


def plus(product: Rule) -> Rule:
    """The rule of `beta · input + alpha · (a product)`: the product's MACs, one add an element."""

    def added(
        input: Shaped, left: Shaped, right: Shaped, *, beta: float = 1, alpha: float = 1
    ) -> Effect:
        shape, macs, *_ = product(left, right)
        require(input.dtype == left.dtype == right.dtype)
        require(broadcast([tuple(input.shape), shape]) == shape)
        return Effect(shape, macs=macs, flops=prod(shape) if beta and alpha else 0)

    return added


def outer(input: Shaped, vec2: Shaped) -> Effect:
    """y[i,j] = a[i] · b[j]: one product an element, nothing is summed; counted as n·m MACs."""
    require(len(input.shape) == 1 and len(vec2.shape) == 1)
    shape = (*input.shape, *vec2.shape)
    return Effect(shape, macs=prod(shape), dtype=promoted(input, vec2))


def tensordot(a: Shaped, b: Shaped, dims: object = 2, out: object = None) -> Effect:
    """y[i…,j…] = Σ_k a[i…,k…] · b[k…,j…]  →  MACs = ∏i · ∏j · ∏k."""
    require(out is None)
    left, right = tuple(a.shape), tuple(b.shape)
    require(a.dtype == b.dtype and is_kind(a, "ifc"))
    if isinstance(dims, int):
        require(0 <= dims <= min(len(left), len(right)))
        pairs = [(len(left) - dims + axis, axis) for axis in range(dims)]
    else:
        require(isinstance(dims, list | tuple) and len(dims) == 2)
        of_left, of_right = (
            [axis] if isinstance(axis, int) else list(axis)
            for axis in dims  # type: ignore[attr-defined]  # a pair, as required above
        )
        require(len(of_left) == len(of_right))
        pairs = [
            (axis_of(i, len(left)), axis_of(j, len(right)))
            for i, j in zip(of_left, of_right, strict=True)
        ]
        require(not pairs or (len(left) > 0 and len(right) > 0))
    require(all(left[i] == right[j] for i, j in pairs))
    summed_left, summed_right = {i for i, _ in pairs}, {j for _, j in pairs}
    require(len(summed_left) == len(summed_right) == len(pairs))
    kept: Shape = (
        *(size for axis, size in enumerate(left) if axis not in summed_left),
        *(size for axis, size in enumerate(right) if axis not in summed_right),
    )
    return Effect(kept, macs=prod(kept) * prod(left[i] for i in summed_left))


def inner(input: Shaped, other: Shaped) -> Effect:
    """y[i…,j…] = Σ_k a[i…,k] · b[j…,k]  →  MACs = ∏i · ∏j · k."""
    a, b = tuple(input.shape), tuple(other.shape)
    require(len(a) > 0 and len(b) > 0 and a[-1] == b[-1])
    require(input.dtype == other.dtype and is_kind(input, "ifc"))
    shape = (*a[:-1], *b[:-1])
    return Effect(shape, macs=prod(shape) * a[-1])


def vecdot(x: Shaped, y: Shaped, *, dim: int = -1) -> Effect:
    """y[…] = Σ_k a[…,k] · b[…,k] along an axis, the others broadcast  →  MACs = ∏(…) · k."""
    require(x.dtype == y.dtype and is_kind(x, "fc"))
    shape = broadcast([tuple(x.shape), tuple(y.shape)])
    require(len(shape) > 1 or (len(shape) == 1 and x.shape == y.shape))
    axis = axis_of(dim, len(shape))
    return Effect((*shape[:axis], *shape[axis + 1 :]), macs=prod(shape))


def addbmm(
    input: Shaped, batch1: Shaped, batch2: Shaped, *, beta: float = 1, alpha: float = 1
) -> Effect:
    """y[n,p] = β·x[n,p] + α·Σ a[b,n,m] · w[b,m,p]  →  MACs = b·n·m·p."""
    shape, macs, *_ = bmm(batch1, batch2)
    require(broadcast([tuple(input.shape), shape[1:]]) == shape[1:] and input.dtype == batch1.dtype)
    return Effect(shape[1:], macs=macs, flops=prod(shape[1:]) if beta and alpha else 0)


def kron(input: Shaped, other: Shaped) -> Effect:
    """y[i·n+j,…] = a[i,…] · b[j,…]: the Kronecker product, one operation an element."""
    a, b = tuple(input.shape), tuple(other.shape)
    rank = max(len(a), len(b))
    left, right = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    shape = tuple([i * j for i, j in zip(left, right, strict=True)])
    dtype = wider(name_of(input.dtype), name_of(other.dtype))
    return Effect(shape, flops=prod(shape), dtype=dtype)


GROUPED = frozenset({"float32", "float16", "bfloat16"})
"""Types that torch multiplies in groups."""


def grouped_mm(
    input: Shaped,
    mat2: Shaped,
    offs: Shaped | None = None,
    bias: object = None,
    out_dtype: object = None,
) -> Effect:
    """A product for each of g groups, as mixtures of experts have it; a row belongs to one group.

    Equation: y[s,p] = Σ a[s,m] · b[group of s,m,p]  →  MACs = s·m·p, whatever the groups: values
    decide where they end, and every row is taken to be in one of them.

    Shapes: a (s, m) and b (g, m, p) to (s, p); a (g, n, m) and b (m, s) to (n, s); a (n, s) and
    b (s, p), whose sum is cut into groups, to (g, n, p); a (g, n, m) and b (g, m, p) to (g, n, p).
    """
    a, b = tuple(input.shape), tuple(mat2.shape)
    kind = name_of(input.dtype)
    require(bias is None and (out_dtype is None or out_dtype == input.dtype))
    require(input.dtype == mat2.dtype and kind in GROUPED and {len(a), len(b)} <= {2, 3})
    require(a[-1] == b[-2])
    if len(a) == len(b) == 3:
        require(offs is None)
        return bmm(input, mat2)
    if offs is None or len(offs.shape) != 1 or name_of(offs.dtype) != "int32":
        raise Declined
    (groups,) = offs.shape
    require(all(len(each) == 2 or each[0] == groups for each in (a, b)))
    shape = (a[-2], b[-1])
    macs = prod(shape) * a[-1]
    return Effect((groups, *shape) if len(a) == len(b) else shape, macs=macs)


mm = exactly(2, 2)
bmm = exactly(3, 3)
mv = exactly(2, 1)
dot = exactly(1, 1)

RULES: dict[str, Rule] = {
    "matmul": matmul,
    "reversed_matmul": reversed_matmul,
    "mm": mm,
    "bmm": bmm,
    "mv": mv,
    "dot": dot,
    "vdot": dot,
    "addmm": plus(mm),
    "_sparse_mm": sparse_mm,
    "_sparse_addmm": plus(sparse_mm),
    "baddbmm": plus(bmm),
    "addmv": plus(mv),
    "outer": outer,
    "ger": outer,
    "addbmm": addbmm,
    "addr": plus(outer),
    "inner": inner,
    "linalg_vecdot": vecdot,
    "kron": kron,
    "tensordot": tensordot,
    "_grouped_mm": grouped_mm,
}
