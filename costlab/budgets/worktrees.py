"""Models as they are at a commit: its code in a worktree of its own, run in a process of its own.

Knows git and `costlab report`, not what is done with the report. Importing the code of a commit
runs it, as Python does.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from costlab.budgets.absence import below_submodule
from costlab.budgets.apart import ANOTHER
from costlab.budgets.ending import LAST_WORD, in_order, undisturbed
from costlab.budgets.git import git, own_environment, process, run
from costlab.errors import DocumentError, SourceError, UsageError
from costlab.report import Report
from costlab.sources.text import split

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence

    from costlab.budgets.refs import Commit

INTERRUPTED = 130
HOME = Path(__file__).resolve().parents[2]
"""The folder that costlab is imported from."""


class Worktree(NamedTuple):
    """The code of a commit in a folder of its own."""

    commit: Commit
    folder: Path
    scratch: Path

    def report(
        self,
        model: str,
        inputs: Sequence[str] = (),
        mode: str = "eval",
        inputs_from: str = "",
        on: str = "auto",
    ) -> Report:
        """The report of a model as its code is at the commit, and the function of its inputs.

        Raises:
            UsageError: the model, or an input, cannot be used as it was given.
            SourceError: the model does not build or run there.
        """
        saved = self.scratch / "report.json"
        saved.unlink(missing_ok=True)
        given = [f"--input={spec}" for spec in inputs]
        if inputs_from:
            given.append(f"--inputs-from={self._place(inputs_from)}")
        place = self._place(model)
        arguments = (
            "report",
            "--quiet",
            *given,
            f"--mode={mode}",
            f"--on={on}",
            f"--format=json:{saved}",
            "--",
            place,
        )
        ended = self.run(*arguments)
        if ended.returncode or not saved.exists():
            why = below_submodule(model, self) or self.told(ended)
            raise SourceError(f"{model} at {self.commit}: {why}")
        try:
            return Report.from_dict(json.loads(saved.read_text(encoding="utf-8")))
        except (ValueError, RecursionError, DocumentError) as error:
            raise SourceError(f"{model} at {self.commit}: its report: {error}") from error

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What costlab, as it is installed, does with these arguments on the code of the commit.

        Raises:
            UsageError: the commit does not have the folder.
        """
        folder = self.folder / self.commit.below
        if not folder.is_dir():
            message = f"{self.commit} has no folder {self.commit.below}"
            raise UsageError(message)
        # -P: costlab is the installed one, even if the commit has a folder of that name.
        apart = ("-P", "-m", "costlab.budgets.apart", str(self.commit.top), str(self.folder))
        return process([sys.executable, *apart, *arguments], folder, self._environment())

    def _place(self, model: str) -> str:
        """The text of a model as it is named in the worktree.

        Raises:
            UsageError: its file is outside the repository, where a ref says nothing of it.
        """
        home, colon, _ = split(model).place.rpartition(":")
        if not colon or not home.endswith(".py"):
            return model
        path = Path(home)
        here = self.folder / self.commit.below
        if path.is_absolute() and path.resolve().is_relative_to(self.commit.top):
            path = Path(os.path.relpath(path.resolve(), self.commit.top / self.commit.below))
        if not (here / path).resolve().is_relative_to(self.folder):
            message = f"{home} is outside the repository, so {self.commit} says nothing of it"
            raise UsageError(message)
        return f"{path}{model[len(home) :]}"

    def _environment(self) -> dict[str, str]:
        """The variables of this process, with the import path turned from checkout to worktree."""
        environment = own_environment()
        paths = [] if str(HOME) in site.getsitepackages() else [str(HOME)]
        for entry in dict.fromkeys(map(os.path.abspath, sys.path)):
            path = Path(entry).resolve()
            if path.is_relative_to(self.commit.top) and not path.is_relative_to(sys.prefix):
                inside = self.folder / path.relative_to(self.commit.top)
                # costlab itself is the installed one, whatever the commit has of it.
                paths += [] if (inside / "costlab").is_dir() else [str(inside)]
            elif entry in environment.get("PYTHONPATH", "").split(os.pathsep):
                paths.append(entry)
        return environment | {
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
            LAST_WORD: str(self.scratch / "code"),  # it is waited for here, and by nobody else
        }

    def told(self, ended: subprocess.CompletedProcess[str]) -> str:
        """What a process that failed had to say, without the folder that nobody knows."""
        text = ended.stderr.replace(f"{self.folder}{os.sep}", "").strip()
        text = text.replace(str(self.folder), "the commit")
        if ended.returncode == INTERRUPTED:
            raise KeyboardInterrupt
        if ended.returncode == ANOTHER:
            files = ", ".join(text.splitlines()[-3:])
            return (
                f"its code was imported from the checkout, not from the commit ({files}); an "
                "editable install may be in the way: put the package's folder on PYTHONPATH"
            )
        if ended.returncode < 0:
            return f"the process ended with signal {-ended.returncode}"
        # Before the error stands what the model's own code printed.
        return text[text.rfind("\nerror: ") + 1 :].removeprefix("error: ") or "no reason was given"


@contextmanager
def worktree(commit: Commit) -> Iterator[Worktree]:
    """The code of a commit in a temporary folder, which is gone afterwards, whatever happens.

    Raises:
        UsageError: git cannot make the worktree.
    """
    with in_order():
        scratch = Path(tempfile.mkdtemp(prefix="costlab-")).resolve()
        folder = scratch / scratch.name  # git names what it keeps of a worktree after its folder
        try:
            git(
                commit.top, "worktree", "add", "--detach", str(folder), commit.sha,
                why=f"{commit}: git cannot make a worktree",
            )  # fmt: skip
            yield Worktree(commit, folder, scratch)
        finally:
            with undisturbed():
                # Twice forced: also if git was interrupted while it made the worktree.
                run(commit.top, "worktree", "remove", "--force", "--force", str(folder))
                shutil.rmtree(scratch, ignore_errors=True)
                if str(folder) in run(commit.top, "worktree", "list", "--porcelain").stdout:
                    run(commit.top, "worktree", "prune")
