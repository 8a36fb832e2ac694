"""Input specs: what they say, and where one that cannot be read goes wrong."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costlab.errors import UsageError
from costlab.graph import TensorSpec
from costlab.inputspec import DTYPES, InputSpec, format_spec, parse


@pytest.mark.parametrize(
    ("text", "name", "shape", "dtype"),
    [
        ("f32[1,3,299,299]", None, (1, 3, 299, 299), "float32"),
        ("[2]", None, (2,), "float32"),
        ("x=[2]", "x", (2,), "float32"),
        ("tokens=i64[2,128]", "tokens", (2, 128), "int64"),
        ("i64=i64[1]", "i64", (1,), "int64"),
        ("float32[1]", None, (1,), "float32"),
        ("bf16[]", None, (), "bfloat16"),
        ("bool[0]", None, (0,), "bool"),
        ("  f16[ 1 , 02 ]\n", None, (1, 2), "float16"),
        ("f32[" + "0" * 5000 + "3]", None, (3,), "float32"),
    ],
)
def test_what_a_spec_says(text: str, name: str | None, shape: tuple[int, ...], dtype: str) -> None:
    """A name or none, an element type or f32, and sizes, with blanks where one likes."""
    assert parse(text) == InputSpec(name, TensorSpec(shape, dtype))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_torch_knows_the_types(dtype: str) -> None:
    """Each element type is one of torch's."""
    assert isinstance(getattr(torch, dtype), torch.dtype)


@given(st.lists(st.integers(0, 99), max_size=6), st.sampled_from(list(DTYPES.values())))
def test_a_spec_reads_back(sizes: list[int], dtype: str) -> None:
    """What `format_spec` writes, `parse` reads."""
    spec = TensorSpec(tuple(sizes), dtype)
    assert parse(format_spec(spec)) == InputSpec(None, spec)


CARETS = [
    ("", 0, "a '[' with the sizes is missing"),
    ("f32", 3, "a '[' with the sizes is missing"),
    ("f32[1,2", 7, "the closing ']' is missing"),
    ("f32[1]]", 6, "nothing may follow"),
    ("f32[1] f32[2]", 6, "nothing may follow"),
    ("f32[1[2]", 5, "a second '['"),
    ("f32[1,,2]", 6, "a size is missing"),
    ("f32[1,]", 6, "a size is missing"),
    ("f32[1,3,2x9,299]", 8, "'2x9' is not a size"),
    ("f32[1, -1]", 7, "'-1' is not a size"),
    ("f32[1.5]", 4, "'1.5' is not a size"),
    ("f32[²]", 4, "'²' is not a size"),
    ("q32[1]", 0, "'q32' is not an element type. Did you mean i32?"),
    ("  b=b[1]", 2, "'b' is not an element type. Known: f16, bf16"),
    ("x = f32[1]", 1, "an element type or an argument's name was expected"),
    ("1=f32[1]", 0, "an element type or an argument's name was expected"),
    ("f32[999999999999999]", 4, "this size is larger than any axis can be"),
    ("f32[" + "9" * 5000 + "]", 4, "this size is larger than any axis can be"),
    ("f32[4294967296,4294967296]", 4, "no memory holds so many elements"),
    ("f32[1\t,x]", 8, "'x' is not a size"),  # the tab is shown as two characters
]


@pytest.mark.parametrize(("text", "at", "what"), CARETS, ids=[text[:20] for text, *_ in CARETS])
def test_a_caret_points_at_it(text: str, at: int, what: str) -> None:
    """The message shows the spec, with a caret below the first character that is wrong."""
    with pytest.raises(UsageError) as raised:
        parse(text)
    first, _, caret, last = str(raised.value).split("\n")
    assert first.startswith(f"cannot read the input spec: {what}")
    assert caret == " " * (2 + at) + "^"
    assert last == "A spec is an element type and sizes, f32[1,3,299,299], or name=i64[2,128]."


def test_a_caret_below_wide_characters() -> None:
    """A character that a terminal draws two cells wide moves the caret by two."""
    with pytest.raises(UsageError) as raised:
        parse("f32[网络,x]")
    _, shown, caret, _ = str(raised.value).split("\n")
    assert (shown, caret) == ("  f32[网络,x]", "      ^")
    with pytest.raises(UsageError) as raised:
        parse("f32[1]网络[")
    assert str(raised.value).split("\n")[2] == "        ^"


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    """Whatever a text is, it is a spec, or refused in four lines."""
    try:
        parse(text)
    except UsageError as error:
        message = str(error)
        assert len(message.split("\n")) == 4
