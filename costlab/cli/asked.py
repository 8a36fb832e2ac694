"""What `costlab check` is asked to hold: a budget file, some of its models, or options alone.

Knows the options' values, not their parser.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from costlab import sources
from costlab.budgets import command, configfile
from costlab.budgets.budget import Budget, Config
from costlab.errors import UsageError, did_you_mean
from costlab.globs import matches


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say: which models, and further limits."""

    models: tuple[str, ...]
    file: str | None
    limits: tuple[Budget, ...]
    inputs: tuple[str, ...]
    inputs_from: str
    mode: str | None
    on: str
    baseline: str
    anchor: str

    def config(self) -> Config:
        """The configuration that is asked for: that of a file, or that of the options alone.

        Raises:
            UsageError: it cannot be used, or there is nothing to be held.
        """
        path = Path(self.file) if self.file else configfile.find()
        found = configfile.load(path) if path or not self.models else None
        known = {model.name for model in found.models} if found else set()
        strangers = [name for name in self.models if name not in known]
        if found and not strangers:
            config = _chosen(found, self.models) if self.models else found
            given = (
                ("--input", self.inputs),
                ("--inputs-from", self.inputs_from),
                ("--mode", self.mode),
                ("--on", self.on != "auto"),
            )
            option = next((option for option, value in given if value), "")
            if option:
                raise UsageError(f"{option} is for a MODEL that {found.file} does not name")
            config = command.beside(config, self.limits) if self.limits else config
        elif len(strangers) < len(self.models) or self.file or (found and not self.limits):
            file = found.file if found else self.file
            near = did_you_mean(strangers[0], known)
            aside = "" if self.limits else " A model that is not in it needs --max."
            raise UsageError(f"{file} has no model {strangers[0]!r}.{near}{aside}")
        else:
            config = self._alone()
        return replace(
            config, baseline=self.baseline or config.baseline, anchor=self.anchor or config.anchor
        )

    def _alone(self) -> Config:
        """The models of the options, with the limits of the options.

        Raises:
            UsageError: a text names no model, or there is no limit.
        """
        if len(set(self.models)) < len(self.models):
            raise UsageError("a MODEL is named twice; name each once")
        for name in self.models:
            # Whether there is such a model is asked before whether it has a limit.
            sources.find(name)
        each = [
            command.for_model(
                name,
                self.limits,
                inputs=self.inputs,
                inputs_from=self.inputs_from,
                mode=self.mode or "eval",
                on=self.on,
            )
            for name in self.models
        ]
        return replace(each[0], models=tuple(model for one in each for model in one.models))


def _chosen(config: Config, names: tuple[str, ...]) -> Config:
    """The configuration as it speaks of some of its models."""

    def of(globs: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if any(matches(glob, name) for glob in globs))

    budgets = [replace(one, models=of(one.models)) for one in config.budgets if of(one.models)]
    if not budgets:
        raise UsageError(f"{config.file} has no budget for {', '.join(names)}")
    kept = {budget.id: budget for budget in budgets}
    # A waiver of models that its budget does not have is a fault, and here it would be ours.
    waivers = [
        replace(one, models=waived)
        for one in config.waivers
        if one.budget in kept
        and (waived := tuple(n for n in of(one.models) if n in kept[one.budget].models))
    ]
    models = tuple(model for model in config.models if model.name in names)
    return replace(config, models=models, budgets=tuple(budgets), waivers=tuple(waivers))
