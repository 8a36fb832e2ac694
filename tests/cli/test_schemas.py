"""The published schemas: real documents are valid, whatever is changed in one is found."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from costlab.schemas import FOLDER, published, schema
from costlab.store import DOCUMENTS
from tests.cli.conftest import Costlab
from tests.cli.models import IMAGE

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "tests" / "golden" / "bench.json"
ID = re.compile(r"\bcostlab\.[a-z]+/\d+")

OPEN = ("versions", "traced", "attributes", "dtypes")
"""Objects whose keys are names or measures, any number of them."""
OPTIONAL = ("counters", "run", "attributes", "parameters", "aliases", "training")

LINES = {"costlab.baseline/1"}
"""A document that is lines of text, which git merges; no JSON, and so without a JSON Schema."""

SAVED: dict[str, tuple[str, ...]] = {
    "complete": ("report", "net.py:Net", "-i", IMAGE),
    "in training": ("report", "net.py:Net", "-i", IMAGE, "--mode", "train"),
    "cross-checked": ("report", "net.py:Net", "-i", IMAGE, "--cross-check"),
    "a counter failed": (
        *("report", "net.py:Named", "-i", "f32[2,4]", "-i", "mask=f32[2,4]", "--cross-check"),
    ),
    "incomplete": ("report", "net.py:Broken", "-i", IMAGE),
    "unknown operations": ("report", "net.py:Sorted", "-i", "f32[4,4]"),
    "empty": ("report", "net.py:Nothing", "-i", IMAGE),
    "scalars": ("report", "torch.nn:Flatten(0)", "-i", "bool[]"),
    "Inception-v3": ("report", "inception_v3"),
    "list": ("list",),
    "all of the list": ("list", "--kind", "all"),
    "difference": ("diff", "inception_v3", "inception_v3_table1"),
    "comparison": ("compare", "inception_v3", "googlenet"),
    "claims": ("claims",),
    "one claim": ("claims", "B3"),
    "the ladder": ("claims", "ladder"),
    "checks": ("check", "net.py:Net", "-i", IMAGE, "--max", "macs=1"),
    "explanation": ("explain", "net.py:Net", "-i", IMAGE),
    "explanation, run": ("explain", "net.py:Net", "-i", IMAGE, "--run", "--counter", "fvcore"),
    "measurements": ("show", str(MEASURED)),
    "studies": ("bench", "--list"),
    "measurements, twice": ("bench", "compare", str(MEASURED), str(MEASURED)),
}


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """The documents that the command line has written so far, by their names in SAVED."""
    return {}


@pytest.fixture
def written(texts: dict[str, str], costlab: Costlab, desk: Path) -> Callable[[str], Any]:
    """A function of a name in SAVED: the document, which the command line writes once for all."""

    def write(name: str) -> Any:
        if name not in texts:
            costlab(*SAVED[name], "--format", "json:a.json")
            texts[name] = (desk / "a.json").read_text(encoding="utf-8")
        return json.loads(texts[name])

    return write


@pytest.fixture(params=SAVED)
def document(request: pytest.FixtureRequest, written: Callable[[str], Any]) -> Any:
    """A document that the command line wrote."""
    return written(request.param)


def still_valid(document: Any) -> list[str]:
    """The changes of a valid document that its schema does not notice."""
    validator = Draft202012Validator(schema(document["schema"]))
    assert validator.is_valid(document)
    return [what for what, edited in mutations(document) if validator.is_valid(edited)]


def test_what_is_written_is_valid(document: Any) -> None:
    """Each document is as the schema that it names says."""
    errors = Draft202012Validator(schema(document["schema"])).iter_errors(document)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_the_documents_are_what_they_are_called(written: Callable[[str], Any]) -> None:
    """Among what is validated are a failure, an unknown operation and counters of both kinds."""
    found = {name: written(name) for name in SAVED}
    assert not found["incomplete"]["complete"]
    assert found["unknown operations"]["coverage"]["unknown"]
    assert all(counter["macs"] for counter in found["cross-checked"]["counters"])
    assert any(counter["macs"] is None for counter in found["a counter failed"]["counters"])
    assert found["list"]["networks"]
    described = {document["schema"] for document in found.values()}
    assert described == set(published()), "each schema needs a document in SAVED"


def containers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each object and array in a document, with the way to it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    yield path, value
    for key, below in pairs:
        if isinstance(below, dict | list):
            yield from containers(below, (*path, key))


def mutations(document: Any) -> Iterator[tuple[str, Any]]:
    """The document with one thing changed: a key gone, a key more, a value of another type."""

    def changed(path: tuple[Any, ...]) -> tuple[Any, Any]:
        edited = copy.deepcopy(document)
        at = edited
        for key in path:
            at = at[key]
        return edited, at

    for path, container in containers(document):
        opened = bool(path) and path[-1] in OPEN
        for key in container if isinstance(container, dict) else range(len(container)):
            edited, at = changed(path)
            at[key] = {"novel": {}} if isinstance(at[key], dict) else {}
            yield f"{(*path, key)} is an object", edited
            edited, at = changed(path)
            if isinstance(container, dict) and not opened and key not in OPTIONAL:
                del at[key]
                yield f"{(*path, key)} is gone", edited
        if isinstance(container, dict) and not opened:
            edited, at = changed(path)
            at["novel"] = 1
            yield f"{path} has one key more", edited


@pytest.mark.parametrize(
    "name", ["cross-checked", "a counter failed", "unknown operations", "one claim"]
)
def test_a_changed_document_is_invalid(costlab: Costlab, desk: Path, name: str) -> None:
    """Whatever key is taken away or added, whatever value changes its type: it is found."""
    costlab(*SAVED[name], "--format", "json:a.json")
    document = json.loads((desk / "a.json").read_text(encoding="utf-8"))
    assert len(list(mutations(document))) > 50
    assert still_valid(document) == []


def test_a_changed_list_is_invalid(costlab: Costlab) -> None:
    """So it is for the list, of which one network with its figures is enough."""
    document = json.loads(costlab("list", "--format", "json").out)
    told = [net for net in document["networks"] if net["published"] and net["accuracy"]]
    document["networks"] = told[:1]
    assert still_valid(document) == []


@pytest.mark.parametrize(
    "change",
    [
        {"total": {"macs": -1}},
        {"total": {"macs": 1.5}},
        {"mode": "evaluate"},
        {"schema": "costlab.report/2"},
        {"counters": []},
    ],
    ids=str,
)
def test_values_have_bounds(costlab: Costlab, change: dict[str, Any]) -> None:
    """A negative count, half a multiply-add, an unknown mode and another schema are found."""
    text = costlab("report", "torch.nn:Identity", "-i", "f32[1]", "--format", "json").out
    document = json.loads(text)
    validator = Draft202012Validator(schema(document["schema"]))
    assert validator.is_valid(document)
    for key, value in change.items():
        document[key] = document[key] | value if isinstance(value, dict) else value
    assert not validator.is_valid(document)


@pytest.mark.parametrize("name", published())
def test_a_schema_is_sound(name: str) -> None:
    """Each schema is one of draft 2020-12, says which document it is of, and closes its objects."""
    found = schema(name)
    Draft202012Validator.check_schema(found)
    assert found["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert found["properties"]["schema"] == {"const": name}
    assert found["title"] == name
    assert found["$id"] == f"urn:costlab:schema:{name.removeprefix('costlab.').replace('/', ':')}"
    for path, part in containers(found):
        if isinstance(part, dict) and part.get("type") == "object":
            assert "additionalProperties" in part, path
            assert set(part.get("required", ())) <= set(part.get("properties", ())), path


def unpublished(folder: Path) -> set[str]:
    """The ids of documents in the code of a folder that have no schema."""
    texts = (path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    return {found for text in texts for found in ID.findall(text)} - set(published()) - LINES


@pytest.mark.parametrize("folder", ["costlab", "docs", "benchmarks"])
def test_every_document_has_a_schema(folder: str) -> None:
    """Whatever the code writes under `schema` is published; NAME-1.json goes to costlab/schemas."""
    assert unpublished(ROOT / folder) == set()


def test_every_document_that_is_read_has_a_schema() -> None:
    """What `costlab show` reads is published."""
    assert set(DOCUMENTS) <= set(published())


def test_a_document_without_a_schema_is_found(tmp_path: Path) -> None:
    """The guard above can fail: a new document that nobody described is named."""
    (tmp_path / "new.py").write_text('SCHEMA = "costlab.new/1"\n', encoding="utf-8")
    (tmp_path / "old.py").write_text('SCHEMA = "costlab.report/1"\n', encoding="utf-8")
    assert unpublished(tmp_path) == {"costlab.new/1"}


@pytest.mark.parametrize("given", ["costlab.report/1", "report/1"])
def test_the_command_prints_a_schema(costlab: Costlab, given: str) -> None:
    """The schema goes to stdout as it is published, by its id or by the end of it."""
    found = costlab("schema", given)
    assert (found.code, found.err) == (0, "")
    assert found.out == (FOLDER / "report-1.json").read_text(encoding="utf-8")
    assert found.out.isascii()


def test_the_command_lists_the_schemas(costlab: Costlab) -> None:
    """Without a name, a line each."""
    found = costlab("schema")
    assert found.code == 0
    assert tuple(found.out.split()) == published()
    assert {"costlab.list/1", "costlab.report/1"} <= set(published())


@pytest.mark.parametrize(
    ("given", "hint"), [("report", "report/1"), ("costlab.lst/1", "list/1"), ("report/2", "")]
)
def test_an_unknown_schema(costlab: Costlab, given: str, hint: str) -> None:
    """A name that is none is refused, with the nearest and with all there are."""
    found = costlab("schema", given)
    assert (found.code, found.out) == (2, "")
    assert f"error: there is no schema '{given}'." in found.err
    assert f"Did you mean costlab.{hint}" in found.err
    assert "Schemas: " in found.err


@pytest.mark.parametrize("given", ["../report/1", "costlab.", "costlab.costlab.report/1", "*"])
def test_no_other_file_is_read(costlab: Costlab, given: str) -> None:
    """A name is an id of the list and nothing else."""
    assert costlab("schema", given).code == 2
