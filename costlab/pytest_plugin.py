"""pytest's side of costlab: the mark `costlab` limits what the fixture `cost` measures.

Loaded with every run of pytest in the environment, so that it imports nothing but pytest until a
test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import torch

    from costlab.assertion import Wish
    from costlab.report import Report

NAME = "costlab"
MEASURED = pytest.StashKey[bool]()
OPTIONS = ("module", "per", "name")


def pytest_configure(config: pytest.Config) -> None:
    """Says what the mark is for: `pytest --markers` lists it, and `--strict-markers` knows it."""
    config.addinivalue_line(
        "markers",
        f'{NAME}(macs="<=5.8G", module=GLOB, per="match", name=MODEL): limits what a model may '
        "cost that the test measures by the fixture cost",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fails a test that is marked and measures nothing: a limit on nothing is no limit."""
    result = yield
    if item.get_closest_marker(NAME) is not None and not item.stash.get(MEASURED, False):
        pytest.fail(
            f"the mark {NAME} limits what the fixture cost measures, and this test measures "
            "nothing: call cost(model, inputs)",
            pytrace=False,
        )
    return result


@pytest.fixture
def cost(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """A function of a model and its inputs: its report, once it keeps the limits of the mark.

    `name` is what the budget file calls the model; what it says holds too, but for what the mark
    limits. Without either, it only measures.
    """

    def measured(
        model: torch.nn.Module,
        inputs: Any = None,
        *,
        mode: str | None = None,
        name: str | None = None,
    ) -> Report:
        __tracebackhide__ = True
        from costlab.assertion import held

        wishes, marked = _wishes(request.node)
        request.node.stash[MEASURED] = True
        if not wishes and (name or marked) is None:
            from costlab.analysis import analyze

            return analyze(model, inputs, mode=mode)
        start = request.config.rootpath
        return held(model, inputs, wishes, mode=mode, name=name or marked, start=start)

    return measured


def _wishes(item: pytest.Item) -> tuple[list[Wish], str | None]:
    """What the marks of a test ask for, the nearest first, and the name that one of them gives.

    What a nearer mark limits replaces what one further out says of the same metric and modules.
    """
    __tracebackhide__ = True
    from costlab.assertion import Wish, wish
    from costlab.budgets.budget import Place
    from costlab.errors import UsageError

    file, line, _ = item.location
    place = Place(file, (line or 0) + 1)
    found: list[Wish] = []
    taken: set[tuple[str, tuple[str, ...]]] = set()
    name = None
    for mark in item.iter_markers(NAME):
        if mark.args:
            raise UsageError(f'the mark {NAME} takes names and limits only, as macs="<=5.8G"')
        given = dict(mark.kwargs)
        options = {option: given.pop(option) for option in OPTIONS if option in given}
        name = name or options.get("name")
        if not given and "name" in options and len(options) == 1:
            continue
        told = wish(given, options.get("module"), options.get("per", "match"), place)
        limits = tuple(one for one in told.limits if (one.metric, told.modules) not in taken)
        taken |= {(one.metric, told.modules) for one in limits}
        if limits:
            found.append(Wish(limits, told.modules, told.per, place))
    return found, name
