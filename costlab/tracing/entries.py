"""What the recorder does with a torch function: one entry a function, found once and kept.

Does not know how each treatment is carried out; that is `costlab.tracing.recorder`.
"""

from __future__ import annotations

from enum import StrEnum, auto
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.ops import METADATA, OPS, installed
from costlab.tracing.history import QUESTIONS
from costlab.tracing.names import lookup, names_of
from costlab.tracing.priced import Prices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.ops import Op


class Treatment(StrEnum):
    """How a call of a torch function is carried out during a trace."""

    METADATA = auto()
    """Asks about a tensor, makes none and costs nothing: answered by the real function."""
    MEMORY = auto()
    """Asks for a tensor's memory: answered with that of what stands for it."""
    DEVICE = auto()
    """Asks where a tensor is: answered as the model expects, not with "meta"."""
    VALUE = auto()
    """Asks for a value: answered for constants; what depends on the input has none."""
    RULE = auto()
    """Has a rule: its output is made from the rule's shape, and its kernel never runs."""
    VIEW = auto()
    """Free: its kernel runs on meta tensors, which gives the shape and touches no memory."""
    FACTORY = auto()
    """Makes a tensor from nothing: really if it is small, on meta if not."""
    SETTER = auto()
    """Assigns an attribute of a tensor: carried out on the trace's own tensors only."""
    INITIALIZER = auto()
    """Fills a tensor in place, from nothing: has no cost and no shape of its own."""
    HISTORY = auto()
    """Asks whether a tensor wants a gradient, or hangs a hook on it."""
    GRADIENT = auto()
    """Runs a backward within the forward, which tensors without values have no history for."""
    SWITCH = auto()
    """Turns gradients on or off."""
    DESCENT = auto()
    """Has no rule: a Python functional is entered, a compiled one priced kernel by kernel."""


class Entry(NamedTuple):
    """A torch function as the recorder sees it."""

    name: str
    treatment: Treatment
    op: Op | None = None
    in_place: bool = False
    prices: Prices | None = None
    """What its rule has said; None where a rule that is not costlab's own may count as it likes."""


DEVICE = frozenset({"device", "is_cuda", "is_cpu", "is_meta", "is_mps", "is_xpu", "get_device"})
VALUES = frozenset({
    "item", "tolist", "numpy", "equal", "allclose", "is_nonzero", "__bool__", "__int__",
    "__float__", "__complex__", "__index__", "__array__", "__contains__", "__dlpack__", "data_ptr",
    "__cuda_array_interface__",
})  # fmt: skip
MEMORY = frozenset({"untyped_storage", "storage", "_typed_storage"})
GRADIENTS = frozenset({"grad", "backward"})
SIZED_FACTORIES = frozenset({"empty", "zeros", "ones", "rand", "randn", "full", "randint"})
FACTORIES = SIZED_FACTORIES | frozenset({
    "arange", "range", "linspace", "logspace", "eye", "tensor", "scalar_tensor", "from_numpy",
    "empty_strided", "randperm", "tril_indices", "triu_indices", "bartlett_window",
    "blackman_window", "hamming_window", "hann_window", "kaiser_window", "frombuffer",
    "asarray", "as_tensor", "complex", "polar", "normal", "empty_permuted",
})  # fmt: skip
NEW = "Tensor.new_tensor"
"""The factory that is a method, and takes from its tensor only the type."""
FILLERS = frozenset({
    "uniform_", "normal_", "bernoulli_", "random_", "exponential_", "geometric_", "cauchy_",
    "log_normal_",
})  # fmt: skip


def entry_of(function: Any, ops: Mapping[str, Op]) -> Entry:
    """The entry of a torch function, by the names it may be listed under."""
    names = names_of(function)
    name = names[-1]
    module = getattr(function, "__module__", None) or ""
    kinds = (
        (Treatment.SWITCH, name == "_set_grad_enabled"),
        (Treatment.GRADIENT, name in GRADIENTS and module in ("torch.autograd", "torch._tensor")),
        (Treatment.SETTER, name.endswith(("__set__", "__delete__"))),
        (Treatment.HISTORY, name in QUESTIONS),
        (Treatment.DEVICE, name in DEVICE),
        (Treatment.VALUE, name in VALUES),
        (Treatment.INITIALIZER, name in FILLERS or module == "torch.nn.init"),
        (Treatment.MEMORY, name in MEMORY),
        (Treatment.METADATA, any(listed in METADATA for listed in names)),
        (Treatment.FACTORY, name in FACTORIES and names[0] == name),
        (Treatment.FACTORY, names[0] == NEW),
    )
    for treatment, applies in kinds:
        if applies:
            return Entry(name, treatment)
    found = lookup(names, ops)
    if found is None:
        return Entry(names[0] if "::" in names[0] else name, Treatment.DESCENT)
    listed, in_place = found
    op = ops[listed]
    treatment = Treatment.VIEW if op.rule is None else Treatment.RULE
    if op.rule is not None and returns_nothing(function):
        treatment = Treatment.DESCENT  # its rule says what it costs, its schema what it writes to
    prices = Prices() if op.rule is not None and OPS.get(listed) is op else None
    return Entry(listed.removeprefix("Tensor."), treatment, op, in_place, prices)


def returns_nothing(function: Any) -> bool:
    """Whether an operation of the dispatcher says in its schema that it returns nothing."""
    overloads = getattr(function, "overloads", None)
    one = getattr(function, overloads()[0]) if callable(overloads) else function
    schema = getattr(one, "_schema", None)
    return schema is not None and not schema.returns


class Entries:
    """The entries of a table of operations, kept by function of torch's."""

    def __init__(self, ops: Mapping[str, Op]) -> None:
        """Starts empty: a function is looked up when it is first called."""
        self.ops = ops
        self.known: dict[Any, Entry] = {}

    def find(self, function: Any) -> Entry:
        """The entry of a function, looked up once if it is torch's.

        A user's may be made anew for each call, and hold a model: this table lives on.
        """
        entry = self.known.get(function)
        if entry is None:
            entry = entry_of(function, self.ops)
            home = getattr(function, "__module__", None) or "torch"
            if home.partition(".")[0] == "torch":
                self.known[function] = entry
        return entry


@cache
def default_entries() -> Entries:
    """The default table: costlab's own operations and those of installed packages.

    Shared by all traces that use it, so that only the first looks packages and names up.
    """
    return Entries({**OPS, **installed().ops})
