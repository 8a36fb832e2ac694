"""What is left of a measurement, however it ends: kept after every case, shown when it is cut off.

Does not know how anything is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from costlab.bench.document import Measurements
from costlab.bench.progress import Moment, Watch
from costlab.bench.request import interrupted, late
from costlab.cli import COULD_NOT_SAY
from costlab.cli.ending import end_by, leave
from costlab.cli.voice import Voice
from costlab.store import save


@dataclass(slots=True)
class Lasting:
    """The latest document, its file if there is one, and who shows it.

    `around` is what stands around a measurement on stdout, and goes before anything is shown.
    """

    file: str | None
    limit_s: float
    voice: Voice
    show: Callable[[Measurements, int], None]
    around: ExitStack = field(default_factory=ExitStack)
    latest: Measurements | None = None
    doing: str = "its beginning"

    def watched(self, watch: Watch) -> Watch:
        """A watch that is told what is being done, as this is."""

        def told(moment: Moment) -> None:
            self.doing = moment.what
            watch(moment)

        return told

    def keep(self, found: Measurements) -> None:
        """Keeps a document in the place of the one before."""
        self.latest = found
        if self.file:
            save(found, self.file)

    def last(self, number: int) -> None:
        """Ends the process by a signal, with what was measured kept and shown."""
        try:
            self.around.close()  # the bar goes, and stdout is again what it was
            if self.latest:
                self.keep(interrupted(self.latest))
                self.show(self.latest, 128 + number)
        finally:
            end_by(number)

    def late(self) -> None:
        """Ends the process as its time is over, with what was measured kept and shown."""
        try:
            self.around.close()
            if self.latest:
                self.keep(late(self.latest, self.limit_s))
                self.show(self.latest, 0)
            none = "" if self.latest and self.latest.cases else ", before any case was measured"
            self.voice.fail(
                f"the time was over, {self.limit_s / 60:g} min{none}, in the midst of "
                f"{self.doing}; --minutes gives more"
            )
        finally:
            leave(COULD_NOT_SAY)
