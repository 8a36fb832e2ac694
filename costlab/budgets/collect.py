"""The models of a configuration, built and analyzed one after the other in this process.

Knows no budget. torch is imported once, here and not before; a model that fails is a problem, and
the others go on.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab import sources
from costlab.budgets.checks import Problem
from costlab.budgets.definitions import definition
from costlab.errors import CostlabError, NoSuchModelError, SourceError, UsageError, words_of
from costlab.sources.importing import told as told_of
from costlab.sources.importing import user_line
from costlab.sources.text import split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

    from costlab.budgets.budget import Config, ModelSpec, Place
    from costlab.report import Report


@dataclass(frozen=True, slots=True)
class Collected:
    """The reports of models by name, what failed, and the classes of the models' modules.

    `absent` are those of the models that failed whose code is not there at all.
    """

    reports: Mapping[str, Report]
    problems: tuple[Problem, ...]
    classes: Mapping[str, Mapping[str, type]]
    folder: Path
    absent: frozenset[str] = frozenset()

    def source(self, model: str, path: str) -> Place | None:
        """Where the class of a module is defined, if it is in the folder of the budget file."""
        return definition(self.classes.get(model, {}), path, self.folder)


def collect(config: Config, told: Callable[[str], object] = lambda _: None) -> Collected:
    """The reports of all models of a configuration; `told` hears each name as its turn comes.

    Files and modules are looked for from the folder of the budget file, wherever one stands.
    """
    folder = Path(config.file).resolve().parent if config.file else Path.cwd()
    reports: dict[str, Report] = {}
    classes: dict[str, Mapping[str, type]] = {}
    problems, absent = [], set()
    with contextlib.chdir(folder):
        for model in config.models:
            told(model.name)
            try:
                reports[model.name], classes[model.name] = _analyzed(model)
            except CostlabError as error:
                problems.append(Problem(f"{model.name}: {error}", model.place, model.name))
                absent |= {model.name} if isinstance(error, NoSuchModelError) else set()
            except Exception as error:  # noqa: BLE001 - one model's defect is not to hide the others
                defect = f"{type(error).__name__}: {words_of(error)}"
                what = f"{model.name}: a defect of costlab: {defect}"
                problems.append(Problem(what, model.place, model.name))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - neither may what is no Exception
                kind = f"{type(error).__name__}, which is no error that code should raise"
                what = f"{model.name}: its code raises {kind}{told_of(error)}"
                problems.append(Problem(what, model.place, model.name))
    return Collected(reports, tuple(problems), classes, folder, frozenset(absent))


def composed(model: ModelSpec) -> str:
    """The text of a model's source, its further arguments in it.

    Raises:
        UsageError: an argument is given twice.
    """
    if not model.kwargs:
        return model.source
    words = split(model.source)
    twice = sorted({*words.kwargs} & {*model.kwargs})
    if twice:
        raise UsageError(f"{model.source} has {', '.join(twice)} already, and kwargs again")
    named = {**words.kwargs, **model.kwargs}
    arguments = [*map(repr, words.args), *(f"{name}={value!r}" for name, value in named.items())]
    return f"{words.place}({', '.join(arguments)})"


def _analyzed(model: ModelSpec) -> tuple[Report, Mapping[str, type]]:
    """The report of a model, and the classes of its modules; its chatter is no part of a result."""
    source = sources.find(composed(model))
    try:
        with contextlib.redirect_stdout(sys.stderr):
            if source.count is not None:
                _refuse_running(model, source.name)
                return source.count(tuple(model.inputs or ()), model.mode), {}
            from costlab.skeleton import with_weights

            with with_weights(model.on == "real"):
                module = source.build()
            from costlab.analysis import analyze

            inputs = _inputs(model, source, module)
            report = analyze(module, inputs, mode=model.mode, name=source.name, on=model.on)
    except SystemExit as error:
        message = f"{source.name} exits (sys.exit({error.code!r}){user_line(error)})"
        raise SourceError(message) from error
    modules = module.named_modules(remove_duplicate=False)
    return report, {path: type(below) for path, below in modules}


def _inputs(model: ModelSpec, source: sources.Source, module: torch.nn.Module) -> Any:
    """What the forward is given: the specs of the configuration, its function's, or the model's.

    Raises:
        UsageError: none are known, or the function returns none.
        SourceError: the function fails.
    """
    if model.inputs_from:
        from costlab.sources.examples import inputs_from

        return inputs_from(model.inputs_from)
    try:
        return model.inputs or source.inputs_for(module)
    except UsageError as error:
        message = f'{error}, or inputs = ["f32[1,3,224,224]"] in the budget file'
        raise UsageError(message) from error


def _refuse_running(model: ModelSpec, name: str) -> None:
    """Raises a UsageError if a model without a forward is to run one in some way."""
    if model.inputs_from or model.on != "auto":
        key = "inputs_from" if model.inputs_from else "on"
        message = f"{name} has no forward that could run: leave {key} out"
        raise UsageError(message)
