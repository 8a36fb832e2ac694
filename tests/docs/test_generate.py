"""What is generated is as the code would write it now."""

import json
import re
from pathlib import Path

import pytest

from costlab.cli import main
from costlab.zoo import CATALOGUE
from docs import generate
from tests.docs.blocks import blocks

PAGES = [*sorted(generate.DOCS.glob("*.md")), generate.README]
LINK = re.compile(r"\]\((?P<target>[^)#]+)(#[^)]*)?\)")


def test_nothing_is_stale() -> None:
    """README, docs and the zoo's figures are what `make docs` writes; run it if this fails."""
    assert [str(path.relative_to(generate.ROOT)) for path in generate.stale()] == []


def test_a_stale_page_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard above can fail: a figure that someone edits is noticed, and written anew."""
    true = generate.TRACED.read_text(encoding="utf-8")  # as the test above shows
    figures = json.loads(true)
    figures["inception_v3"]["macs"] += 1
    edited = tmp_path / "traced.json"
    edited.write_text(json.dumps(figures), encoding="utf-8")
    monkeypatch.setattr(generate, "TRACED", edited)
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "generated", lambda: iter([(edited, true)]))
    assert generate.stale() == [edited]
    assert generate.run(["--check"]) == 1
    assert generate.run([]) == 0
    assert edited.read_text(encoding="utf-8") == true
    assert generate.run(["--check"]) == 0


def test_markers_must_be_there() -> None:
    """A page that lost its markers is an error, not a page without its table."""
    assert generate.between("a", "x <!-- a -->old<!-- /a --> y", "new") == (
        "x <!-- a -->\n\nnew\n\n<!-- /a --> y"
    )
    with pytest.raises(ValueError, match="once each"):
        generate.between("a", "x <!-- a --> y", "new")


def test_every_network_is_traced() -> None:
    """Each network of the zoo has its figures."""
    assert json.loads(generate.TRACED.read_text(encoding="utf-8")).keys() == CATALOGUE.keys()


def test_a_result_page(tmp_path: Path) -> None:
    """A page that is made of results is made by its script."""
    script, results = tmp_path / "some_page.py", tmp_path / "some.json"
    script.write_text("def page(results):\n    return f'# {results[\"x\"]}\\n'\n", encoding="utf-8")
    results.write_text('{"x": 5}', encoding="utf-8")
    assert generate.result_page(script, results) == "# 5\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file of the project leads to one that is there."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for found in LINK.finditer(prose):
        if "://" not in found["target"]:
            assert (page.parent / found["target"]).exists(), found["target"]


def test_the_index_has_every_page() -> None:
    """Each page stands in the index, with its title and what it is about."""
    text = generate.INDEX.read_text(encoding="utf-8")
    for page in generate.DOCS.glob("*.md"):
        assert page == generate.INDEX or f"]({page.name}): " in text


@pytest.mark.parametrize(
    ("page", "title", "first"),
    [
        ("# A title\n\nOne sentence. Another.\n", "A title", "One sentence."),
        ("<!-- x -->\n\n# A `b`\nOne\nof 3.5: two lines.\n", "A `b`", "One of 3.5: two lines."),
        (f"# A title\n\nIt is: {'long ' * 40}.", "A title", "It is."),
        ("# A title\n\n<!-- note -->\n\nText without an end\n", "A title", "Text without an end"),
    ],
)
def test_openings(page: str, title: str, first: str) -> None:
    """A page is announced by its title and its first sentence."""
    assert generate.opening(page) == (title, first)


def test_every_option_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """What help lists, the page of the command line lists."""
    page = (generate.DOCS / "cli.md").read_text(encoding="utf-8")
    for command in generate.EXAMPLES:
        with pytest.raises(SystemExit):
            main([command, "--help"])
        options = set(re.findall(r"(?<!\S)--[a-z-]+", capsys.readouterr().out)) - {"--help"}
        part = page.partition(f"## `costlab {command}`")[2].partition("\n## ")[0]
        assert not {option for option in options if f"`{option}`" not in part}
        assert len(blocks(part, "sh")) == 2
