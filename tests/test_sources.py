"""Where a model comes from: the texts that name one, and what building it does not do."""

import inspect
import os
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costlab import sources
from costlab.errors import CostlabError, SourceError, UsageError
from costlab.sources.text import split


@pytest.mark.parametrize(
    ("text", "place", "args", "kwargs"),
    [
        ("inception_v3", "inception_v3", (), {}),
        ("inception_v3()", "inception_v3", (), {}),
        ("inception_v3(width=2)", "inception_v3", (), {"width": 2}),
        ("a.py:make('x', [1, 2])", "a.py:make", ("x", [1, 2]), {}),
        ("a.py:make('f(x)')", "a.py:make", ("f(x)",), {}),
        ("a.py:make({'a:b': (1,)}, c=-1)", "a.py:make", ({"a:b": (1,)},), {"c": -1}),
        ("my (old) nets/a.py:make", "my (old) nets/a.py:make", (), {}),
        ("my (old) nets/a.py:make(3)", "my (old) nets/a.py:make", (3,), {}),
        ("m:f(None, True, 1e3)", "m:f", (None, True, 1e3), {}),
    ],
)
def test_split(text: str, place: str, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    """A text is a place and literal arguments; brackets in a folder's name are no arguments."""
    assert split(text) == (place, args, kwargs)


@pytest.mark.parametrize(
    "text",
    [
        "f(x)",
        "f(1",
        "f(__import__('os'))",
        "f(1)(2)",
        "f(**{'a': 1})",
        "f(*[1])",
        "f(a=1, a=2)",
        "f({[]: 1})",
        "f(" + "(" * 500 + ")" * 500 + ")",
    ],
    ids=range(9),
)
def test_only_literals(text: str) -> None:
    """What is no literal is refused, and never evaluated."""
    with pytest.raises(UsageError, match="they must be literals, such as f"):
        split(text)


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever is asked for is a source or refused; nothing is imported either way."""
    before = set(sys.modules)
    try:
        sources.find(text)
    except CostlabError as error:
        assert str(error)  # noqa: PT017 - some texts are sources
    assert not {name for name in set(sys.modules) - before if not name.startswith("encodings")}


@pytest.mark.parametrize(
    ("text", "kind"),
    [(f"{folder}{name}.{end}", kind) for folder in ("", "a/") for name in ("", "net", "a.b")
     for end, kind in (("pt2", "exported"), ("onnx", "onnx"))],
)  # fmt: skip
def test_a_file_is_known_by_how_its_name_ends(text: str, kind: str) -> None:
    """A graph is one by the end of its name, also where that is the whole name."""
    assert sources.find(text).kind == kind


def test_a_network_of_the_zoo() -> None:
    """A name of the zoo has inputs of its own, and is built without its weights."""
    source = sources.find(" inception_v3(classes=10) ")
    assert (source.name, source.inputs) == ("inception_v3(classes=10)", ("f32[1,3,299,299]",))
    model = source.build()
    assert model.get_parameter("fc.weight").shape == (10, 2048)
    assert max(model.parameters(), key=torch.Tensor.numel).is_meta


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("figure5", "f32[1,288,35,35]"),
        ("figure5(inputs=192)", "f32[1,192,35,35]"),
        ("two_2x2(inputs=8, alpha=4)", "f32[1,8,35,35]"),
        ("figure5(inputs=-1)", "f32[1,288,35,35]"),
    ],
)
def test_inputs_of_a_part(text: str, inputs: str) -> None:
    """The channels of the default input are those that the part is told to read."""
    assert sources.find(text).inputs == (inputs,)


@pytest.mark.parametrize("text", ["figure5(inputs=-1)", "two_3x3(alpha='much')", "conv_nxn(n=0)"])
def test_nonsense_of_a_part(text: str) -> None:
    """An argument of nonsense is the builder's to refuse, by name."""
    name = text.partition("(")[2].partition("=")[0]
    with pytest.raises(SourceError, match=f"could not be built: {name}="):
        sources.find(text).build()


def test_a_wrong_argument_of_a_part() -> None:
    """A block that is built by a factory says which arguments it takes, its own among them."""
    with pytest.raises(UsageError, match=r"Did you mean pool_filters\?.*width=1.0, finish=.*n=7"):
        sources.find("figure6(pool_filter=3)").build()


def test_building_leaves_the_random_numbers() -> None:
    """The state of the random number generator is the same after building as before."""
    before = torch.get_rng_state()
    sources.find("inception_v3").build()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_is_imported_when_the_model_is_built(folder: Path) -> None:
    """Finding runs nothing; building runs the file, which is then a module that can be found."""
    (folder / "user.py").write_text(
        "import dataclasses\nfrom torch import nn\nopen('ran', 'w').close()\n\n\n"
        "@dataclasses.dataclass\nclass Options:\n    width: int = 3\n\n\n"
        "def make():\n    return nn.Linear(Options().width, 2)\n",
        encoding="utf-8",
    )
    source = sources.find("user.py:make")
    assert not (folder / "ran").exists()
    model = source.build()
    assert (folder / "ran").exists()
    assert isinstance(model, torch.nn.Linear)
    assert model.in_features == 3


def test_a_file_that_was_changed_within_a_second(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is built as it stands: what Python compiled of it before is not asked, and not written."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = folder / "user.py"
    built = []
    for width in (8, 9):
        text = f"from torch import nn\n\n\ndef make():\n    return nn.Linear({width}, 1)\n"
        file.write_text(text, encoding="utf-8")
        os.utime(file, (0, 0))
        model = sources.find("user.py:make").build()
        assert isinstance(model, torch.nn.Linear)
        built.append(model.in_features)
        assert inspect.getfile(sys.modules["_costlab_user_user"].make) == str(file)
    assert built == [8, 9]
    assert list(folder.iterdir()) == [file]


def test_the_import_path_is_left_alone(folder: Path) -> None:
    """A file may import its neighbours, also late; afterwards the path is as it was."""
    (folder / "inner").mkdir()
    (folder / "inner" / "neighbour.py").write_text("WIDTH = 5\n", encoding="utf-8")
    (folder / "inner" / "user.py").write_text(
        "from torch import nn\n\n\ndef make():\n    from neighbour import WIDTH\n"
        "    return nn.Linear(WIDTH, 1)\n",
        encoding="utf-8",
    )
    before = list(sys.path)
    model = sources.find("inner/user.py:make").build()
    assert isinstance(model, torch.nn.Linear)
    assert sys.path == before
    del sys.modules["neighbour"]


def test_a_file_that_failed_is_forgotten(folder: Path) -> None:
    """A file that does not import leaves no half module behind."""
    (folder / "half.py").write_text("x = 1\nraise OSError('no')\n", encoding="utf-8")
    before = set(sys.modules)
    with pytest.raises(SourceError, match=r"half.py does not import \[.*half.py:2\]: OSError: no"):
        sources.find("half.py:make").build()
    assert not {name for name in set(sys.modules) - before if "half" in name}


def test_the_user_s_line_in_a_folder_called_torch(folder: Path) -> None:
    """A path that has torch in it is the user's all the same."""
    (folder / "torch-models").mkdir()
    (folder / "torch-models" / "user.py").write_text("def make():\n    1 / 0\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"\[.*torch-models/user.py:2\]: ZeroDivisionError"):
        sources.find("torch-models/user.py:make").build()


def test_a_factory_that_reads_its_weights(folder: Path) -> None:
    """A factory that cannot do without values gets them."""
    (folder / "user.py").write_text(
        "from torch import nn\n\n\ndef make():\n    layer = nn.Linear(512, 512)\n"
        "    assert layer.weight.std().item() > 0\n    return layer\n",
        encoding="utf-8",
    )
    assert isinstance(sources.find("user.py:make").build(), torch.nn.Linear)


def test_describe_inputs() -> None:
    """The signature of the forward, and one spec for each argument that has no default."""
    text = sources.describe_inputs(torch.nn.Bilinear(2, 3, 4), "bilinear")
    assert "forward(input1: Tensor, input2: Tensor)" in text
    assert text.endswith("costlab report bilinear --input 'f32[1,2]' --input 'f32[1,3]'")
