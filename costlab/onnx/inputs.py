"""What goes into a graph: its declared inputs, and the specs that bind what they leave open.

Does not know the nodes.
"""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

from costlab.errors import UsageError, did_you_mean
from costlab.graph import TensorSpec
from costlab.inputspec import format_spec, parse
from costlab.onnx.elements import Dim, dims_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import GraphProto


LONGEST = 400
"""Characters of a name or a declaration that a message shows."""
FEW = 8
"""So many things of a kind are named in a message; of others it says how many they are."""


def listed(texts: Sequence[str], count: int) -> str:
    """The first few texts, and how many more there are of what they are about.

    >>> listed(["a", "b"], 2), listed("abcdefghij", 10)
    ('a, b', 'a, b, c, d, e, f, g, h and 2 more')
    """
    return ", ".join(map(_cut, texts[:FEW])) + (f" and {count - FEW:,} more" if count > FEW else "")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


class Wanted(NamedTuple):
    """An input as the file declares it; a dimension may have a name or none in place of a size."""

    name: str
    dtype: str
    dims: tuple[Dim, ...]

    @property
    def text(self) -> str:
        """The declaration as a spec, `f32[batch,3,224,224]`.

        >>> Wanted("x", "float32", ("batch", 3, None)).text
        'f32[batch,3,?]'
        """
        sizes = ",".join("?" if dim is None else str(dim) for dim in self.dims)
        return format_spec(TensorSpec((), self.dtype)).replace("[]", f"[{sizes}]")


class Bound(NamedTuple):
    """The inputs with all sizes known, and the sizes that the names stand for."""

    specs: tuple[TensorSpec, ...]
    sizes: dict[str, int]


def wanted_by(graph: GraphProto, path: str) -> tuple[Wanted, ...]:
    """The inputs that a graph declares.

    Raises:
        UsageError: one is no tensor, or its rank is left open.
    """
    found = []
    for value in graph.input:
        told = dims_of(value.type)
        if told is None:
            message = (
                f"{path}: the input {value.name!r} is declared without a tensor's type and rank; "
                "export the model with the shapes of its inputs"
            )
            raise UsageError(message)
        found.append(Wanted(value.name, *told))
    return tuple(found)


def bind(wanted: Sequence[Wanted], specs: Sequence[str], path: str) -> Bound:
    """The inputs as the specs have them: `f32[1,3,224,224]` in order, or `name=f32[…]`.

    An input that all is known of need not be given.

    Raises:
        UsageError: a spec does not fit, or a size is not known.
    """
    given = _assigned(wanted, specs, path)
    sizes: dict[str, int] = {}
    for each in wanted:
        spec = given.get(each.name)
        if spec is not None:
            _fit(each, spec, sizes, path)
    found: list[TensorSpec] = []
    open_dims: list[tuple[Wanted, str]] = []
    for each in wanted:
        if each.name in given:
            found.append(given[each.name])
            continue
        shape: list[int] = []
        for axis, dim in enumerate(each.dims):
            size = sizes.get(dim) if isinstance(dim, str) else dim
            if size is None:
                open_dims.append((each, repr(dim) if dim else f"axis {axis}"))
            else:
                shape.append(size)
        found.append(TensorSpec(tuple(shape), each.dtype))
    if open_dims:
        raise UsageError(_unbound(wanted, open_dims, path))
    return Bound(tuple(found), sizes)


def _assigned(wanted: Sequence[Wanted], specs: Sequence[str], path: str) -> dict[str, TensorSpec]:
    """The spec of each input that one is given for."""
    names = [each.name for each in wanted]
    given: dict[str, TensorSpec] = {}
    place = 0
    for text in specs:
        name, spec = parse(text)
        if name is None:
            if place == len(names):
                told = listed(names, len(names)) or "none"
                raise UsageError(f"{path} has {len(names)} inputs ({told}); {text} is one too many")
            name, place = names[place], place + 1
        if name not in names:
            hint = did_you_mean(name, names)
            raise UsageError(
                f"{path} has no input {name!r}.{hint} Inputs: {listed(names, len(names))}."
            )
        if name in given:
            raise UsageError(f"the input {name!r} of {path} is given twice")
        given[name] = spec
    return given


def _fit(each: Wanted, spec: TensorSpec, sizes: dict[str, int], path: str) -> None:
    """Binds the names of an input's dimensions to the sizes of its spec."""
    shape = _cut(each.text)
    told = f"{path}: the input {each.name!r} is {shape}, and not {_cut(format_spec(spec))}"
    if spec.dtype != each.dtype or len(spec.shape) != len(each.dims):
        raise UsageError(told)
    for dim, size in zip(each.dims, spec.shape, strict=True):
        if isinstance(dim, int) and dim != size:
            raise UsageError(
                f"{told}; the file fixes the size {dim}, so export it with a name there"
            )
        if isinstance(dim, str) and sizes.setdefault(dim, size) != size:
            raise UsageError(f"{told}: {dim!r} is {sizes[dim]} elsewhere")


def _unbound(wanted: Sequence[Wanted], open_dims: list[tuple[Wanted, str]], path: str) -> str:
    """The message that names the dimensions, with a command that gives them."""
    distinct = {(dim, each.name): each for each, dim in open_dims}
    first = [f"{dim} of {each.name} ({each.text})" for (dim, _), each in [*distinct.items()][:FEW]]
    told = listed(first, len(distinct))
    named = all(re.fullmatch(r"[A-Za-z_]\w*", each.name) for each in wanted)
    options = " ".join(
        "--input " + quote(_cut(f"{each.name}={spec}" if named and len(wanted) > 1 else spec))
        for each in wanted[:FEW]
        for spec in [Wanted("", each.dtype, tuple(_example(dim) for dim in each.dims)).text]
    )
    return (
        f"{path} leaves sizes of its inputs open: {told}; give them, for example: "
        f"costlab report {quote(path)} {options}{' …' if len(wanted) > FEW else ''}"
    )


def _example(dim: Dim) -> int:
    """A size to show: 1 for what may vary, as it is mostly the batch."""
    return dim if isinstance(dim, int) else 1
