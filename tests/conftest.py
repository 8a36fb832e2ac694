"""What every test may use: golden files, rewritten with `pytest --regenerate-golden`."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"

Golden = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the flag that rewrites the golden files."""
    parser.addoption(
        "--regenerate-golden",
        action="store_true",
        help="write what the renderers give now to tests/golden, to be reviewed as a diff",
    )


def compare(path: Path, text: str, *, regenerate: bool) -> None:
    """Assert that the file holds this text; if asked to, write it there first."""
    if regenerate:
        path.write_text(text, encoding="utf-8", newline="")
    assert path.exists(), f"{path.name} is missing; pytest --regenerate-golden writes it"
    with path.open(encoding="utf-8", newline="") as file:
        assert text == file.read(), f"{path.name} differs; is the new one better?"


@pytest.fixture(autouse=True)
def _forgotten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a test imports from a temporary folder is no module of the next test's."""
    before = set(sys.modules)
    yield
    # Not the system's temporary folder: a checkout may stand there too.
    temporary = str(tmp_path_factory.getbasetemp())
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(temporary):
            del sys.modules[name]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """A function of a file name and a text: the text is what the golden file holds."""
    regenerate = bool(request.config.getoption("--regenerate-golden"))
    return lambda name, text: compare(GOLDEN / name, text, regenerate=regenerate)
