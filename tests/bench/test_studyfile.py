"""A user's own study: what a file may say, and how nonsense in it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from costlab.bench import studyfile
from costlab.bench.studies import STUDIES
from costlab.bench.study import Axes, Pair, Subject
from costlab.bench.studyfile import load, parsed, study_of
from costlab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

PAIR = """
[subjects.five]
model = "conv5x5(inputs=48)"
[subjects.threes]
model = "two_3x3(inputs=48)"
[[pairs]]
baseline = "five"
variant = "threes"
"""
ONE = """
[subjects.net]
model = "net.py:make"
shape = [3, 32, 32]
[[pairs]]
variant = "net"
"""


def test_the_least_that_a_study_says() -> None:
    """Of a part of the zoo, the shape and the finish are known, and all the rest has defaults."""
    found = parsed(PAIR, "mine")
    shape = (48, 35, 35)
    five = Subject("five", "conv5x5(inputs=48)", shape, takes_finish=True)
    threes = Subject("threes", "two_3x3(inputs=48)", shape, takes_finish=True)
    assert found.pairs == (Pair("five → threes", threes, five),)
    assert (found.name, found.title) == ("mine", "mine")
    assert found.axes == found.quick == Axes()


def test_all_that_a_study_says() -> None:
    """Everything that a file can say arrives in the study."""
    text = """
    name = "steps"
    title = "Steps of a block"
    [subjects.whole]
    model = "net.py:make(width=2)"
    shape = [3, 64, 32]
    takes_finish = true
    training = true
    [subjects.stem]
    model = "inception_v3"
    block = "Mixed_5b"
    [[pairs]]
    name = "step"
    variant = "whole"
    [[pairs]]
    variant = "stem"
    [axes]
    batches = [2, 8]
    precisions = ["fp32", "bf16"]
    layouts = ["nchw"]
    finishes = ["bare", "bias_relu"]
    regimes = ["warm", "wall"]
    arms = ["eager", "compile"]
    [quick]
    batches = [2]
    pairs = ["stem"]
    """
    found = parsed(text, "file")
    whole = Subject("whole", "net.py:make(width=2)", (3, 64, 32), takes_finish=True, training=True)
    stem = Subject("stem", "inception_v3", (3, 299, 299), block="Mixed_5b")
    assert (found.name, found.title) == ("steps", "Steps of a block")
    assert found.pairs == (Pair("step", whole), Pair("stem", stem))
    axes = Axes(
        batches=(2, 8),
        precisions=("fp32", "bf16"),
        layouts=("nchw",),
        finishes=("bare", "bias_relu"),
        regimes=("warm", "wall"),
        arms=("eager", "compile"),
    )
    assert found.axes == axes
    assert found.quick == replace(axes, batches=(2,), pairs=("stem",))


def test_the_example_of_the_documentation() -> None:
    """The file that the module's docstring shows is one that can be read."""
    shown = (studyfile.__doc__ or "").split("is TOML:\n")[1].split("\n`shape`")[0]
    found = parsed(shown, "file")
    assert found.title == "Depthwise against dense"
    assert [pair.name for pair in found.pairs] == ["dense → depthwise"]
    assert found.axes.batches == (1, 32)


def with_axes(line: str) -> str:
    """A study with one line in its axes."""
    return f"{PAIR}\n[axes]\n{line}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pairs = [", r"this is no TOML: .*\((at line 1|at end)"),
        (f"titel = 'x'\n{PAIR}", "^titel: there is no such key. Did you mean title?"),
        (f"title = 3\n{PAIR}", "^title: it is 3, not a text"),
        (f"name = ' '\n{PAIR}", "^name: it is ' ', not a text"),
        ("[subjects.a]\nmodel = 'conv5x5'", "^pairs: there are none"),
        (f"subjects = 3\n{PAIR.replace('subjects', 'x')}", "there is no such key"),
        ("pairs = 3", "^pairs: there are none"),
        (f"{PAIR}[[pairs]]\n", r"^pairs\[2\]: it has no variant"),
        (f"{PAIR}[[pairs]]\nvariant = 'five'\nbase = 'five'", r"^pairs\[2\].base: .* baseline\?"),
        (f"{PAIR}[[pairs]]\nvariant = 'fife'", r"^pairs\[2\].variant: .*Did you mean five\?"),
        (f"{PAIR}[[pairs]]\nvariant = 5", r"^pairs\[2\].variant: there is no 5. Known: five"),
        (f"{PAIR}[[pairs]]\nbaseline = 'five'\nvariant = 'threes'", "two are called 'five → thr"),
        (PAIR.replace("5x5(inputs=48)", "5x5"), r"^pairs\[1\]: five reads \[64, 35, 35\]"),
        (PAIR.replace("conv5x5", "conv55"), r"^subjects.five.model: .*Did you mean conv5x5\?"),
        (PAIR.replace("model", "modell", 1), r"^subjects.five.modell: .*Did you mean model\?"),
        (ONE.replace("shape", "shape = [1]\nblock"), r"^subjects.net.block: it is \[3, 3"),
        (
            ONE.replace("shape = [3, 32, 32]", "").replace("net.py:make", "torch.nn:Flatten"),
            "^subjects.net: torch.nn:Flatten needs the shape",
        ),
        (
            ONE.replace("shape = [3, 32, 32]", "").replace("net.py:make", "torch.nn:Flaten"),
            "^subjects.net.model: .*Flaten",
        ),
        (ONE.replace("model = 'net.py:make'", "").replace('model = "net.py:make"', ""), "no model"),
        (ONE.replace("32, 32", "32, -32"), r"^subjects.net.shape\[3\]: it is -32, not a whole"),
        (ONE.replace("32, 32", "32, 1.5"), r"^subjects.net.shape\[3\]: it is 1.5, not a whole"),
        (ONE.replace("[3, 32, 32]", "[]"), r"^subjects.net.shape: it is \[\], not a list of sizes"),
        (ONE.replace("shape", "training = 1\nshape"), "^subjects.net.training: it is 1, neither"),
        (with_axes("batches = []"), r"^axes.batches: it is \[\], not a list of one"),
        (with_axes("batches = 32"), "^axes.batches: it is 32, not a list of one"),
        (with_axes("batches = [1, 0]"), r"^axes.batches\[2\]: it is 0, not a whole number from 1"),
        (with_axes("batches = [-1]"), r"^axes.batches\[1\]: it is -1, not a whole number"),
        (with_axes("batches = [true]"), r"^axes.batches\[1\]: it is True, not a whole number"),
        (with_axes("batches = [1.0]"), r"^axes.batches\[1\]: it is 1.0, not a whole number"),
        (with_axes("batches = ['1']"), r"^axes.batches\[1\]: it is '1', not a whole number"),
        (with_axes("batches = [99999999999]"), r"^axes.batches\[1\]: .* from 1 to 1048576"),
        (with_axes("batches = [8, 1, 8]"), r"^axes.batches\[3\]: 8 stands there twice"),
        (with_axes("precisions = ['bf61']"), r"^axes.precisions\[1\]: .*Did you mean bf16\?"),
        (with_axes("precisions = ['int8']"), r"^axes.precisions\[1\]: .*Known: fp32, tf32"),
        (with_axes("layouts = ['nhwc', 'NCHW']"), r"^axes.layouts\[2\]: .*Did you mean nchw\?"),
        (with_axes("arms = ['compiled']"), r"^axes.arms\[1\]: .*Did you mean compile\?"),
        (with_axes("arms = [['eager']]"), r"^axes.arms\[1\]: there is no \['eager'\]"),
        (with_axes("finishes = ['relu']"), r"^axes.finishes\[1\]: there is no 'relu'"),
        (with_axes("regimes = ['cold', 'hot']"), r"^axes.regimes\[2\]: there is no 'hot'"),
        (with_axes("batch = [1]"), r"^axes.batch: there is no such key. Did you mean batches\?"),
        (with_axes("pairs = ['five']"), r"^axes.pairs\[1\]: .*Known: five → threes"),
        (f"{PAIR}\n[quick]\narm = ['eager']", r"^quick.arm: there is no such key. .* arms\?"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(text: str, message: str) -> None:
    """What makes no study is refused with its place, and the nearest right name if one is near."""
    with pytest.raises(UsageError, match=message):
        parsed(text, "file")


def test_a_file(tmp_path: Path) -> None:
    """A study is named after its file, and an error names the file first."""
    file = tmp_path / "my convs.toml"
    file.write_text(PAIR, encoding="utf-8")
    assert load(file).name == "my convs"
    assert study_of(str(file)) == load(file)
    file.write_text(with_axes("arms = ['eagre']"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"my convs\.toml: axes\.arms\[1\]: .*Did you mean eager"):
        load(file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are no text are told as such."""
    with pytest.raises(UsageError, match=r"cannot read the study .*No such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="cannot read the study"):
        load(tmp_path)
    file = tmp_path / "bytes.toml"
    file.write_bytes(b"title = '\xff'")
    with pytest.raises(UsageError, match="is no text"):
        load(file)


@pytest.mark.parametrize("name", STUDIES)
def test_studies_by_name(name: str) -> None:
    """A study that comes with costlab is found by its name, spaces around it or not."""
    assert study_of(f" {name} ") is STUDIES[name]


def test_a_model_is_a_study() -> None:
    """What `costlab report` would take is a study of its blocks."""
    found = study_of("figure5(inputs=64)")
    assert found.pairs[0].variant.shape == (64, 35, 35)
    assert [pair.variant.block for pair in found.pairs[1:]] == [
        "branch1x1",
        "branch3x3",
        "branch3x3dbl",
        "branch_pool",
    ]


@pytest.mark.parametrize(
    ("text", "near"),
    [("factorisations", "factorizations"), ("grid_reduction", "grid-reduction"), ("", "no model")],
)
def test_what_names_nothing(text: str, near: str) -> None:
    """What is neither study nor model is told so, with the nearest of both and the studies."""
    with pytest.raises(UsageError, match=rf"{near}[\s\S]*A study is one of factorizations, grid-"):
        study_of(text)
