"""What torch warns of in a forward names the line of the model, as it does without an analysis."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import costlab
from costlab.tracing.warned import SHOWN
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

WARNING: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    "an implicit dimension": lambda _, x: F.softmax(x),
    "shapes that differ": lambda _, x: F.mse_loss(x, x[:1]),
    "a copy": lambda _, x: torch.tensor(x) * 1,
    "a deprecated function": lambda _, x: F.upsample(x[None, None], scale_factor=2),
    "the model's own": lambda _, x: (warnings.warn("own", stacklevel=1), x * 1)[1],
}


def lines(run: Callable[[], Any], action: Any = "always") -> set[tuple[str, int]]:
    """The lines that the warnings of a run name."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter(action)
        run()
    return {(told.filename, told.lineno) for told in found}


@pytest.mark.parametrize("on", ["meta", "real"])
@pytest.mark.parametrize("name", WARNING)
def test_a_warning_names_the_models_line(name: str, on: str) -> None:
    """The line that torch names when the model is run by itself."""
    model, x = Calls(WARNING[name]), torch.ones(8, 8)
    plain = lines(lambda: model(x))
    assert plain == {(__file__, WARNING[name].__code__.co_firstlineno)}
    assert lines(lambda: costlab.analyze(model, x, on=on)) == plain


def test_a_module_of_torchs_own_names_torchs_line() -> None:
    """Where no line is the user's: that of the function which warns, never one of costlab's."""
    ((file, _),) = lines(lambda: costlab.analyze(nn.Sequential(nn.Softmax()), "f32[2,8]"))
    assert file == F.__file__


def test_each_model_is_warned_of_once() -> None:
    """By Python's own filter, once a line: the first model does not keep the second from it."""
    first = Calls(lambda _, x: F.softmax(x))
    second = Calls(lambda _, x: F.softmax(x) + 1)
    globals().pop("__warningregistry__", None)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        for model in (first, second, first):
            costlab.analyze(model, "f32[2,8]")
    want = [model.function.__code__.co_firstlineno for model in (first, second)]
    assert [told.lineno for told in found] == want


def test_filters_of_the_models_module_hold() -> None:
    """What the user has silenced for a module of the user's is silent."""
    model = Calls(WARNING["an implicit dimension"])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module=__name__)
        costlab.analyze(model, "f32[2,8]")
    assert found == []


def test_nothing_is_left_in_pythons_way() -> None:
    """Warnings are shown by Python's own function again, also after an error."""
    shown = vars(warnings)[SHOWN.method]
    with pytest.raises(costlab.TraceError):
        costlab.analyze(Calls(lambda _, x: x @ torch.ones(3)), "f32[2,8]")
    assert vars(warnings)[SHOWN.method] is shown
