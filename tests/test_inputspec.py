"""Input specs: what they say, and where one that cannot be read goes wrong."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costlab.errors import UsageError
from costlab.graph import TensorSpec
from costlab.inputspec import DTYPES, Argument, InputSpec, format_spec, parse, read


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


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("x=(f32[1],)", "x", (TensorSpec((1,)),)),
        ("([2,3],[])", None, ([2, 3], [])),
        ("[2,3]", None, TensorSpec((2, 3))),
        ("[2,3,]", None, [2, 3]),
        ("[ f32[2] , True ]", None, [TensorSpec((2,)), True]),
        ("{ 'a b' : {c:-1e3}, d:'{x' }", None, {"a b": {"c": -1000.0}, "d": "{x"}),
        ("n = 3", None, None),
        ("n=3", "n", 3),
        ("'f32[1]'", None, "f32[1]"),
    ],
)
def test_containers_and_literals(text: str, name: str | None, value: object) -> None:
    """Parentheses make a tuple, brackets a list, braces a dict; a literal is Python's."""
    if value is None:
        with pytest.raises(UsageError):
            read(text)
    else:
        assert read(text) == Argument(name, value)  # type: ignore[arg-type]  # of many types


NESTED_CARETS = [
    ("(f32[1]", 7, "a ',' or the closing ')' was expected"),
    ("(f32[1],f32[1]]", 14, "a ',' or the closing ')' was expected"),
    ("(f32[1],q32[1])", 8, "'q32' is not an element type. Did you mean i32?"),
    ("(f32[1],f32[1,x])", 14, "'x' is not a size"),
    ("(f32[1]) f32[2]", 8, "nothing may follow"),
    ("{ids i64[2]}", 5, "a ':' was expected after the key 'ids'"),
    ("{ids: i64[2], ids: i64[2]}", 14, "the key 'ids' is there twice"),
    ("{1: i64[2]}", 1, "a key was expected"),
    ("train=false", 6, "'false' is neither a spec nor a literal. Did you mean False?"),
    ("(f32[1],nothing)", 8, "'nothing' is neither a spec nor a literal"),
    ("(f32[1],f32[1)", 14, "the closing ']' is missing"),
    ("(f32[1],,)", 8, "a spec, a literal or a container"),
    ("(" * 40, 32, "there are more than 32 containers in one another"),
    ("9" * 50, 0, "this number is too long"),
    (r"('\x')", 1, "this text cannot be read"),
]


@pytest.mark.parametrize(
    ("text", "at", "what"), NESTED_CARETS, ids=[text[:20] for text, *_ in NESTED_CARETS]
)
def test_a_caret_points_into_a_container(text: str, at: int, what: str) -> None:
    """The caret stands below the first character that is wrong, however deep."""
    with pytest.raises(UsageError) as raised:
        read(text)
    first, _, caret, _ = str(raised.value).split("\n")
    assert first.startswith(f"cannot read the input spec: {what}")
    assert caret == " " * (2 + at) + "^"


@given(st.text(alphabet="fbi32[](){},:='x1.- \\", max_size=30))
def test_anything_like_a_spec_is_read_or_refused(text: str) -> None:
    """Whatever brackets and commas make is an argument, or refused in four lines."""
    try:
        read(text)
    except UsageError as error:
        assert len(str(error).split("\n")) == 4  # noqa: PT017 - some texts are specs
