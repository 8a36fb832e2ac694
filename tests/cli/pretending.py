"""The pretended device as the one that `costlab bench` chooses, and a small study for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from costlab.bench import backends
from tests.bench.pretended import Pretended

if TYPE_CHECKING:
    import pytest

Device = Callable[..., Pretended]
GOLDEN = Path(__file__).parents[1] / "golden" / "bench.json"
TOML = """
[subjects.one]
model = "conv3x3(inputs=4)"
[subjects.two]
model = "conv3x3(inputs=4)"
[[pairs]]
baseline = "one"
variant = "two"
[axes]
batches = [1, 2]
precisions = ["fp32"]
finishes = ["bare"]
arms = ["eager"]
"""


def chosen(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Device:
    """A function that makes the pretended backend the one that is chosen, in this folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # neighbours are not to decide what is shown
    (folder / "study.toml").write_text(TOML, encoding="utf-8")

    def make(**given: object) -> Pretended:
        backend = Pretended(**given)  # type: ignore[arg-type]  # its own arguments
        monkeypatch.setattr(backends, "choose", lambda name, threads=None: backend)  # noqa: ARG005 - as choose takes them
        return backend

    return make
