"""A user's models: where they may come from, and what is said of one that fails."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Costlab
from tests.cli.models import FAILING_LINE, IMAGE

CONV, HEAD = 8 * 8 * 8 * 3 * 9, 8 * 64 * 10
MACS = CONV + HEAD


def macs(text: str) -> int:
    """The total of a report as JSON."""
    count: int = json.loads(text)["total"]["macs"]
    return count


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ("net.py:Net", MACS),
        ("net.py:make", MACS),
        ("./net.py:make", MACS),
        ("net:make", MACS),
        ("net.py:Kinds.Inner", MACS),
        ("net.py:instance", MACS),
        ("net.py:Net(16)", 2 * MACS),
        ("net.py:make(width=16)", 2 * MACS),
        (" net.py:make( width = 16 ) ", 2 * MACS),
        ("pack.nets:make(16)", 2 * MACS),
        ("pack/nets.py:plain", MACS),
        ("odd (name)/my-net.py:make(16)", 2 * MACS),
    ],
)
def test_places(costlab: Costlab, desk: Path, model: str, count: int) -> None:
    """A file or a module, a class, a function or a module instance, with arguments or without."""
    (desk / "pack").mkdir()
    (desk / "pack" / "__init__.py").touch()
    (desk / "pack" / "sibling.py").write_text("from net import Net\n", encoding="utf-8")
    (desk / "pack" / "nets.py").write_text(
        "def make(width=8):\n    from pack.sibling import Net\n    return Net(width)\n"
        "def plain():\n    import sys\n    sys.path.append('.')\n"
        "    from net import Net\n    return Net()\n",
        encoding="utf-8",
    )
    (desk / "odd (name)").mkdir()
    odd = desk / "odd (name)" / "my-net.py"
    odd.write_text((desk / "net.py").read_text(encoding="utf-8"), encoding="utf-8")
    found = costlab("report", model, "--input", IMAGE, "--format", "json")
    assert found.code == 0, found.err
    assert macs(found.out) == count
    assert json.loads(found.out)["model"] == model.strip()


def test_torch_itself(costlab: Costlab) -> None:
    """Any importable class will do."""
    found = costlab("report", "torch.nn:Linear(64, 10)", "-i", "f32[8,64]", "--format", "json")
    assert macs(found.out) == 8 * 64 * 10


def test_several_inputs(costlab: Costlab, desk: Path) -> None:
    """Positional inputs in order, named ones by name."""
    del desk
    found = costlab("report", "net.py:Named", "-i", "f32[2,4]", "-i", "mask=f32[2,1]")
    assert found.code == 0
    assert "32 MACs" in found.out


def test_inputs_are_asked_for(costlab: Costlab, desk: Path) -> None:
    """Without an input, the signature of the forward is shown, and what to type."""
    del desk
    found = costlab("report", "net.py:Named")
    assert (found.code, found.out) == (2, "")
    assert "net.py:Named needs its inputs: forward(x, *, mask)." in found.err
    assert "report net.py:Named --input 'f32[1,4]' --input 'mask=f32[1,4]'" in found.err


def test_chatter_of_the_factory(costlab: Costlab, desk: Path) -> None:
    """What a factory prints goes to stderr."""
    del desk
    found = costlab("report", "net.py:make", "-i", IMAGE, "--format", "json", "--cross-check")
    assert macs(found.out) == MACS
    assert "chatter of the factory" in found.err


FILES = {
    "syntax.py": "def make(:\n    pass\n",
    "needs.py": "import there_is_no_such_module\n",
    "raises.py": "\nraise RuntimeError('at import')\n",
    "leaves.py": "import sys\n\nsys.exit(7)\n",
    "relative.py": "from . import sibling\n",
}

REFUSED = [
    ("syntax.py:make", r"syntax.py does not import \[.*syntax.py:1\]: SyntaxError: invalid"),
    ("needs.py:make", r"needs.py does not import \[.*needs.py:1\]: ModuleNotFoundError: No mod"),
    ("needs:make", r"needs does not import \[.*needs.py:1\]: ModuleNotFoundError: No module na"),
    ("raises.py:make", r"raises.py does not import \[.*raises.py:2\]: RuntimeError: at import"),
    ("leaves.py:make", r"leaves.py does not import \[.*leaves.py:3\]: it exits \(SystemExit: 7"),
    ("relative.py:make", r"relative import.*; name a file of a package as package.module:fac"),
    ("nett.py:make", r"there is no file nett.py \(in .*\)\. Did you mean net.py\?"),
    ("folder/net.py:make", r"there is no file folder/net.py \(in .*\)\.\n"),
    ("absent:make", r"no module 'absent' \(for absent:make\) in the current folder .*\.py:make"),
    ("torch.absent:make", r"there is no module 'torch.absent' \(for torch.absent:make\)"),
    ("pack/net:make", r"'pack/net' is neither a .py file nor the name of a module"),
    ("./net:make", r"Did you mean ./net.py:make\?"),
    ("net.py:mkae", r"net.py has no 'mkae'\. Did you mean make\?"),
    ("net.py:zzz", r"net.py has no 'zzz'\. It has Net, make, Kinds, "),
    ("net.py:Kinds.Iner", r"net.py has no 'Kinds.Iner'\. Did you mean Inner\?"),
    ("net.py:number", r"net.py:number is an int, which cannot be called; name a function or"),
    ("net.py:none", r"net.py:none returned nothing, not a torch.nn.Module"),
    ("net.py:the_class", r"returned a type, .*; it returned the class itself, which must be"),
    ("os:getcwd", r"os:getcwd returned a str, not a torch.nn.Module"),
    ("net.py:typo", r"could not be built \[.*net.py:\d+\]: TypeError: .*'widht'"),
    ("net.py:exits", r"net.py:exits could not be built \[.*net.py:\d+\]: it exits \(SystemEx"),
    (
        "net.py:make(widht=3)",
        r"'widht'\. Did you mean width\? It is called as net.py:make\(width=8",
    ),
    ("net.py:make(1, 2)", r"net.py:make: too many positional arguments\. It is called as"),
    ("inception_v3(widht=2)", r"'widht'\. Did you mean width\? It is called as inception_v3\(cl"),
    ("inception_v3(2)", r"takes arguments by name only, such as inception_v3\(classes=10\)"),
    ("torch.nn:Linear", r"missing a required argument: 'in_features'\. It is called as torch"),
    ("net.py:instance(3)", r"net.py:instance is a module, not a factory: leave its arguments"),
    ("net.py:make(width=x)", r"cannot read the arguments of .*; they must be literals, such as"),
    ("net.py:make(**{'width': 2})", r"cannot read the arguments of .*; they must be literals"),
    ("inception_v3(width=2", r"cannot read the arguments of 'inception_v3\(width=2'; they must"),
    ("net.py", r"net.py is a file; name the factory in it too, such as net.py:make"),
    ("net.py:", r"the name of the factory is missing\. Write net.py:make"),
    ("net.py:a b", r"'a b' is no name\. Write net.py:make"),
    (":make", r"':make' names no file or module before the colon"),
    ("net.make", r"no network is called 'net.make'\. Did you mean net:make\?"),
    ("", r"no model is named\. A model is a network of the zoo"),
    ("inception_v33", r"no network is called 'inception_v33'\. Did you mean inception_v3\?"),
    ("Inception_V3", r"Did you mean inception_v3\?"),
    ("weights.pt", r"weights.pt is a pickle, which could run anything when it is read; name"),
    ("weights.pth:model", r"weights.pth is a pickle"),
    (".pt2", r"there is no file \.pt2"),
    ("a/.onnx", r"there is no file a/\.onnx"),
    ("model.safetensors", r"model.safetensors holds no code; name the code that builds the model"),
]


@pytest.mark.parametrize(("model", "message"), REFUSED, ids=[model for model, _ in REFUSED])
def test_what_is_no_model(costlab: Costlab, desk: Path, model: str, message: str) -> None:
    """What cannot be built is told with its place and a remedy, without a traceback."""
    for name, text in FILES.items():
        (desk / name).write_text(text, encoding="utf-8")
    found = costlab("report", model, "--input", IMAGE, "--format", "json:a.json")
    assert (found.code, found.out) == (2, "")
    assert "Traceback" not in found.err
    assert "defect" not in found.err
    assert re.search(rf"^error: .*{message}", found.err, re.MULTILINE), found.err
    assert not (desk / "a.json").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nets", "nets is a folder; name what is in it, such as nets/net.py:make"),
        ("hub", "hub is a folder; name what is in it, such as hf:hub"),
        ("r.json", "r.json is no model; if it is a saved report, `costlab show r.json` shows it"),
        ("notes.txt", "notes.txt is a file that holds no model. A model is "),
    ],
)
def test_what_is_there_and_no_model(costlab: Costlab, desk: Path, name: str, message: str) -> None:
    """A folder is no file, and a saved report has commands of its own."""
    (desk / "nets").mkdir()
    (desk / "hub").mkdir()
    (desk / "hub" / "config.json").write_text("{}", encoding="utf-8")
    assert costlab("report", "figure5", "--format", "json:r.json").code == 0
    (desk / "notes.txt").write_text("", encoding="utf-8")
    for command in (("report",), ("compare", "figure5"), ("explain",)):
        found = costlab(*command, name)
        assert found.code == 2
        assert found.err.startswith(f"error: {message}")
    assert costlab("diff", "r.json", "figure5").code == 0


def test_a_pickle_is_never_read(costlab: Costlab, desk: Path) -> None:
    """A file of weights is refused by its name, also where it exists."""
    (desk / "weights.pt").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    assert costlab("report", "weights.pt").code == 2
    assert not (desk / "ran").exists()


def test_a_wrong_shape(costlab: Costlab, desk: Path) -> None:
    """The message names module, operation, shapes, line and error; what ran is shown and saved."""
    found = costlab(
        "report", "net.py:Broken", "-i", IMAGE, "--format", "text", "--format", "json:a.json"
    )
    assert found.code == 2
    (message,) = [line for line in found.err.splitlines() if line.startswith("error:")]
    assert "the forward stopped at body.wide (Conv2d) in conv2d(" in message
    assert "f32[1,4,8,8], f32[8,8,1,1]" in message
    assert f"net.py:{FAILING_LINE}]: RuntimeError: " in message
    assert "Traceback" not in found.err
    assert re.search(r"^stem +4×8×8 +16 +768 ", found.out, re.MULTILINE)
    # The table's title says that it stopped; why is on stderr, and said once.
    assert "incomplete: the forward stopped" in found.out
    assert (found.out + found.err).count("the forward stopped at body.wide") == 1
    saved = json.loads((desk / "a.json").read_text(encoding="utf-8"))
    assert saved["complete"] is False
    assert "the forward stopped at body.wide" in saved["warnings"][0]
    assert saved["total"]["macs"] == 8 * 8 * 3 * 4 + 8 * 8 * 4 * 4
    assert costlab("show", "a.json").code == 0


def test_inputs_that_nobody_gave_are_told(costlab: Costlab, desk: Path) -> None:
    """A forward that stops on what was taken for want of others says so; on what is given, not."""
    (desk / "own.py").write_text(
        "import torch\nfrom torch import nn\n\n\ndef make():\n    model = nn.Linear(4, 2)\n"
        "    model.example_input_array = torch.zeros(1, 3)\n    return model\n",
        encoding="utf-8",
    )
    found = costlab("report", "own.py:make")
    assert found.code == 2
    assert "its inputs (f32[1,3]) are those that it names itself" in found.err
    assert "--input gives others" in " ".join(found.err.split())
    assert "its inputs" not in costlab("report", "own.py:make", "--input", "f32[1,3]").err
    assert costlab("report", "own.py:make", "--input", "f32[1,4]").code == 0


def test_a_wrong_shape_and_an_unwritable_file(costlab: Costlab, desk: Path) -> None:
    """Both errors are told."""
    del desk
    found = costlab("report", "net.py:Broken", "-i", IMAGE, "--format", "json:no/a.json")
    assert "the forward stopped at body.wide" in found.err
    assert "cannot write no/a.json" in found.err


def test_a_wrong_number_of_channels(costlab: Costlab) -> None:
    """A network of the zoo says so too."""
    found = costlab("report", "inception_v3", "-i", "f32[1,4,299,299]", "--depth", "0")
    assert found.code == 2
    assert "the forward stopped at Conv2d_1a_3x3.conv (Conv2d) in conv2d(" in found.err


def test_a_forward_that_raises(costlab: Costlab, desk: Path) -> None:
    """An error of the user's own is told in the user's words, with the user's line."""
    del desk
    found = costlab("report", "net.py:Raises", "-i", IMAGE)
    assert found.code == 2
    assert re.search(
        r"stopped at Raises \[.*net\.py:\d+\]: KeyError: \"a key of the user's\"", found.err
    )
    assert re.search(r"^conv +4×8×8", found.out, re.MULTILINE)


def test_a_forward_that_exits(costlab: Costlab, desk: Path) -> None:
    """A `sys.exit` of the model's is no exit code of costlab's."""
    del desk
    found = costlab("report", "net.py:Exits", "-i", IMAGE)
    assert (found.code, found.out) == (2, "")
    assert re.search(r"net.py:Exits exits .*sys.exit\(5\) \[.*net.py:\d+\]", found.err)


def test_too_many_inputs(costlab: Costlab, desk: Path) -> None:
    """An input that the forward does not take is told as Python tells it."""
    del desk
    found = costlab("report", "net.py:Net", "-i", IMAGE, "-i", IMAGE)
    assert "takes 2 positional arguments but 3 were given" in found.err


def test_a_lazy_module(costlab: Costlab, desk: Path) -> None:
    """A module that has no shapes yet is refused, by the name of its parameter."""
    del desk
    found = costlab("report", "net.py:lazy", "-i", "f32[2,4]")
    assert (found.code, found.out) == (2, "")
    assert "error: 0.weight has no shape before the first forward (a lazy module)" in found.err


def test_debug_shows_the_traceback(costlab: Costlab, desk: Path) -> None:
    """With --debug the whole traceback comes before the message; the exit code is the same."""
    del desk
    found = costlab("report", "net.py:Raises", "-i", IMAGE, "--debug")
    assert found.code == 2
    assert "Traceback (most recent call last)" in found.err
    assert found.err.splitlines()[-1].startswith("error: the forward stopped at Raises")
