"""Of what a kernel writes to, nothing is left out: where it cannot be told, all counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab
from costlab.tracing.pointers import written_by

if TYPE_CHECKING:
    from collections.abc import Callable

triton: Any = pytest.importorskip("triton")
tl: Any = pytest.importorskip("triton.language")
put = tl.store
ADDRESS = tl.pointer_type(tl.float32)


def load(p: Any) -> Any:
    """A function of a user's that has the name of one of Triton's."""
    return p


def store_through(i: Any, p: Any) -> None:
    """Another, whose second argument is what it writes through."""
    tl.store(p + i, 1)


wrapped = tl.constexpr(store_through)


def passed(x: Any, out: Any, FN: Any) -> None:  # noqa: N803 - as kernels name what is constant
    """A function that is an argument."""
    FN(out, tl.load(x))


def renamed(x: Any, out: Any) -> None:
    """A function by a local name."""
    f = store_through
    f(tl.load(x), out)


def listed(x: Any, out: Any) -> None:
    """A function of several."""
    (store_through, load)[0](tl.load(x), out)


def a_constant(x: Any, out: Any) -> None:
    """A function in one of Triton's constants."""
    wrapped(tl.load(x), out)


def named_like_tritons(x: Any, out: Any) -> None:
    """A function whose name begins like that of a store."""
    store_through(tl.load(x), out)


def returned(x: Any, out: Any) -> None:
    """A pointer that a function returns which has the name of a load."""
    tl.store(load(out), tl.load(x))


def another_name(x: Any, out: Any) -> None:
    """The store by another name."""
    put(out, tl.load(x))


def in_a_list(x: Any, out: Any) -> None:
    """A pointer that has its name in a comprehension."""
    [tl.store(p, tl.load(x)) for p in (out,)]


def the_rest(x: Any, out: Any) -> None:
    """A pointer that is what is left of a tuple."""
    _, *rest = (tl.load(x), 1, out)
    tl.store(rest[1], 1)


def assembled(x: Any, out: Any) -> None:
    """A pointer that an instruction of the device is given."""
    tl.inline_asm_elementwise("st", "r", [out, tl.load(x)], tl.float32, is_pure=False, pack=1)


def described(x: Any, out: Any) -> None:
    """A store by a descriptor."""
    tl.make_tensor_descriptor(out, [4], [1], [4]).store([0], tl.load(x))


def of_a_value(x: Any, out: Any) -> None:
    """A method that no value of Triton's has."""
    out.put(tl.load(x))


EACH: dict[str, Callable[..., None]] = {
    kernel.__name__: kernel
    for kernel in (
        passed, renamed, listed, a_constant, named_like_tritons, returned, another_name, in_a_list,
        the_rest, assembled, described, of_a_value,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", EACH)
def test_a_pointer_is_followed_wherever_it_goes(name: str) -> None:
    """The output counts as written to, and what is only loaded does not."""
    written = written_by(EACH[name])
    assert written is not None
    assert "out" in written
    assert "x" not in written


def from_memory(x: Any, table: Any) -> None:
    """A store to an address that was loaded."""
    tl.store(tl.load(table).to(tl.pointer_type(tl.float32)), tl.load(x))


def from_memory_by_name(x: Any, table: Any, n: Any) -> None:
    """The same, to a type that has a name."""
    tl.store(tl.load(table).to(ADDRESS) + n, tl.load(x))


def from_memory_as_another(x: Any, table: Any, n: Any) -> None:
    """The same, to the type of another pointer."""
    tl.store(tl.load(table).to(x.dtype) + n, tl.load(x))


def from_nowhere(x: Any, table: Any) -> None:
    """A store through what no parameter is seen to reach."""
    tl.store(tl.load(table), tl.load(x))


@pytest.mark.parametrize(
    "kernel", [from_memory, from_memory_by_name, from_memory_as_another, from_nowhere]
)
def test_an_address_that_was_loaded_may_be_any(kernel: Callable[..., None]) -> None:
    """Of a kernel that makes pointers of numbers, every argument counts as written to."""
    assert written_by(kernel) == frozenset(kernel.__annotations__) - {"return"}


def sums(x: Any, out: Any, width: Any) -> None:
    """A kernel as most are: functions of Triton's and of Python, methods of values, casts."""
    i = tl.arange(0, 16)
    row = tl.load(x + i, mask=i < min(width, 16), other=0.0).to(tl.float32)
    total = tl.sum(tl.exp(row - tl.max(row, 0)), axis=0).to(out.dtype.element_ty)
    tl.store(out, total)


def test_what_can_be_told_is() -> None:
    """An input that is only read is not written to."""
    assert written_by(sums) == frozenset({"out"})


@triton.jit
def putting(p, v):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - Triton reads others
    """Stores a value."""
    tl.store(p, v)


@triton.jit  # type: ignore[untyped-decorator]  # Triton leaves it untyped
def handing(x, out, n: tl.constexpr, FN: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, N803 - as above
    """Has a function that it is given store a row."""
    i = tl.arange(0, n)
    FN(out + i, tl.load(x + i))


WAYS: dict[str, Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]] = {
    "itself": lambda base: (base, base),
    "a part": lambda base: (base[:4], base),
    "a view": lambda base: (base.view(2, 4), base),
    "its base": lambda base: (base, base[:4]),
    "detached": lambda base: (base.detach(), base),
}


class Asks(nn.Module):
    """A forward that asks for what a kernel wrote, by a function that the kernel is given."""

    def __init__(self, way: str, *, held: bool) -> None:
        super().__init__()
        self.way, self.held = way, held
        self.register_buffer("kept", torch.zeros(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As many as were written above zero."""
        base = self.get_buffer("kept") if self.held else torch.zeros(8)
        written, asked = WAYS[self.way](base)
        handing[(1,)](x, written, 4, putting)
        return asked @ asked if bool(asked.sum() > 0) else asked


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_what_a_passed_function_writes_has_no_values(way: str, *, held: bool) -> None:
    """On shapes a forward that asks for them is refused, and not told what was there before."""
    with pytest.raises(costlab.TraceError, match="reads the values of a tensor"):
        costlab.trace(Asks(way, held=held), torch.ones(4), on="meta")


def test_a_kernel_without_a_source_may_write_to_a_buffer() -> None:
    """What it leaves there is not what was there before."""
    kernel: Any = object.__new__(type(putting))
    kernel.fn = eval("lambda x, out: None")  # noqa: S307 - a function without a source

    class Sourceless(Asks):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = self.get_buffer("kept")
            kernel.run(x, kept, grid=(1,), warmup=False)
            return x @ x if bool(kept.sum() > 0) else x

    with pytest.raises(costlab.TraceError, match="reads the values of a tensor"):
        costlab.trace(Sourceless("itself", held=True), torch.ones(4), on="meta")
