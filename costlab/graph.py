"""What a traced forward is: tensors, the operations between them, parameters and module calls.

A graph is plain data: it can be printed, compared and written by hand in a test. This module
knows nothing of torch, nor of how a graph is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class _Nothing(dict[str, Any]):
    """A mapping that stays empty; its copies and what is unpickled of it are itself."""

    def __setitem__(self, key: str, value: Any) -> NoReturn:
        """Refuses: it is shared by all that have no attributes."""
        raise TypeError("the attributes of what has none are shared, and cannot be written to")

    def update(self, *_: Any, **__: Any) -> NoReturn:
        """Refuses as well."""
        self[""] = None

    setdefault = __ior__ = update

    def __reduce__(self) -> str:
        """The name under which it is found here."""
        return "NOTHING"


NOTHING: Mapping[str, Any] = _Nothing()
"""No attributes. A mapping proxy would do, but for graphs that are pickled and copied."""

ITEM_BITS = {
    "bool": 8,
    "uint8": 8,
    "int8": 8,
    "int16": 16,
    "uint16": 16,
    "int32": 32,
    "uint32": 32,
    "int64": 64,
    "uint64": 64,
    "float16": 16,
    "bfloat16": 16,
    "float32": 32,
    "float64": 64,
    "complex32": 32,
    "complex64": 64,
    "complex128": 128,
    "quint8": 8,
    "qint8": 8,
    "qint32": 32,
    "quint4x2": 4,
    "quint2x4": 2,
    "float4_e2m1fn_x2": 8,
    "int4": 4,
    "uint4": 4,
    "float4_e2m1": 4,
    "int2": 2,
    "uint2": 2,
}
"""Bits that one element of a type takes; every `float8_*` type takes eight."""


class Coverage(Enum):
    """How an operation was counted: every operation is in exactly one of the three kinds."""

    PRICED = "priced"
    FREE = "free"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """The shape and element type of a tensor, and what they come to.

    >>> TensorSpec((1, 3, 299, 299), "float32").bytes
    1072812
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    # Computed once: thousands of tensors share a few dozen specs, and each is asked many times.
    elements: int = field(init=False, repr=False, compare=False)
    bytes: int = field(init=False, repr=False, compare=False)
    hashed: int = field(init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """That of its shape and type, computed once as well."""
        return self.hashed

    def __reduce__(self) -> tuple[Any, ...]:
        """What a copy is made from: the hash of a name is another in each process."""
        return TensorSpec, (self.shape, self.dtype)

    def __post_init__(self) -> None:
        """Counts the elements (∏ shape, 1 for a scalar) and their bytes, rounded up."""
        elements = prod(self.shape)
        object.__setattr__(self, "hashed", hash((self.shape, self.dtype)))
        object.__setattr__(self, "elements", elements)
        object.__setattr__(self, "bytes", -(-elements * ITEM_BITS.get(self.dtype, 8) // 8))


Row = TypeVar("Row", bound=tuple[Any, ...])


def rows(kind: type[Row], *columns: Iterable[Any]) -> tuple[Row, ...]:
    """Named tuples from one column a field: many at once, without a call of Python's for each.

    >>> rows(Tensor, [TensorSpec((2,)), TensorSpec((3,))], range(2))[1]
    Tensor(spec=TensorSpec(shape=(3,), dtype='float32'), storage=1)
    """
    return tuple(map(partial(tuple.__new__, kind), zip(*columns, strict=True)))


class Tensor(NamedTuple):
    """A tensor of the graph; a named tuple, as a graph has thousands.

    `storage` is the number of the tensor whose memory it shares: its own, unless it is a view or
    the result of an in-place operation.
    """

    spec: TensorSpec
    storage: int


class Node(NamedTuple):
    """One operation: what it is, what it reads and writes, where it ran and what it costs.

    `inputs` and `outputs` are numbers of tensors in `Graph.tensors`; `scope` is the path of the
    innermost module that was running; `macs` and `flops` are what its rule said.
    """

    op: str
    family: str
    coverage: Coverage
    scope: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    macs: int = 0
    flops: int = 0
    attributes: Mapping[str, Any] = NOTHING


class Parameter(NamedTuple):
    """A registered parameter.

    `path` is the first name it is registered under, `aliases` are the others; `tensor` is its
    number in `Graph.tensors`, or None if the traced forward never used it. Where one element of
    `spec` is not one weight, `logical` is the shape of what it stands for; where its memory is not
    that of `spec`, `stored` are the tensors that hold it. `remark` is what cannot be told of it.
    """

    path: str
    spec: TensorSpec
    tensor: int | None = None
    requires_grad: bool = True
    aliases: tuple[str, ...] = ()
    logical: tuple[int, ...] | None = None
    stored: tuple[TensorSpec, ...] = ()
    remark: str = ""

    @property
    def elements(self) -> int:
        """The weights that it stands for: two packed in a byte are two.

        >>> Parameter("w", TensorSpec((8, 1), "uint8"), logical=(4, 4)).elements
        16
        """
        return self.spec.elements if self.logical is None else prod(self.logical)

    @property
    def bytes(self) -> int:
        """The bytes that hold it."""
        return sum(spec.bytes for spec in self.stored or (self.spec,))

    @property
    def owner(self) -> str:
        """The path of the module that holds it first."""
        return self.path.rpartition(".")[0]


class Module(NamedTuple):
    """A registered module and how it was called: `outputs` are the tensors of its last call."""

    path: str
    kind: str
    calls: int = 0
    outputs: tuple[TensorSpec, ...] = ()


class Checkpoint(NamedTuple):
    """A range of nodes that ran within `torch.utils.checkpoint`, and how they are run anew.

    The re-entrant variant runs all of them; the other one, if it `stops_early`, until all that
    was kept is there again.
    """

    start: int
    stop: int
    reentrant: bool = False
    stops_early: bool = True


@dataclass(frozen=True, slots=True)
class Autograd:
    """What a backward of a forward has to know besides its edges.

    `leaves` are the tensors that want a gradient themselves; `held` those that the model holds:
    parameters, buffers, and `strays`, the weights that no module of it registers. `off` are ranges
    of nodes that ran with gradients turned off; `checkpoints` those that are run anew, an inner one
    before the one around it.
    `repeated` has the operands of the nodes that got a tensor more than once.
    `functions` are the names of what was called that has a backward of its own, written by hand;
    `guessed` what is taken as it usually is; `lost` what ends the gradients that come through it.
    `turned` says from which node on the forward had which tensor want a gradient or not.
    """

    leaves: frozenset[int] = frozenset()
    held: frozenset[int] = frozenset()
    strays: frozenset[int] = frozenset()
    off: tuple[tuple[int, int], ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    repeated: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    turned: tuple[tuple[int, int, bool], ...] = ()

    @property
    def wanting(self) -> frozenset[int]:
        """The tensors that want a gradient themselves at some time of the forward."""
        return self.leaves | {number for _, number, on in self.turned if on}

    @property
    def frozen(self) -> frozenset[int]:
        """The tensors that want no gradient when the forward is through, though it had them."""
        last = {number: on for _, number, on in self.turned}
        return frozenset(number for number, on in last.items() if not on)


@dataclass(frozen=True, slots=True)
class Graph:
    """A traced forward.

    `nodes` are in the order in which they ran; `inputs` and `outputs` are the numbers of the
    tensors that go in and come out; `input_names` are the arguments that the inputs belong to, the
    empty string for a positional one; `buffers` are the tensors that modules register beside
    their parameters; `arguments` are the specs of what the forward was called with;
    `remarks` are what is to be said of how it was traced; `autograd` is there if it was traced
    for training.
    """

    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parameters: tuple[Parameter, ...]
    modules: tuple[Module, ...]
    input_names: tuple[str, ...] = ()
    buffers: tuple[TensorSpec, ...] = ()
    arguments: tuple[str, ...] = ()
    autograd: Autograd | None = None
    remarks: tuple[str, ...] = ()
