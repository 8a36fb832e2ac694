"""Where pictures of measurements go: what is saved, and the roofline in a file beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from costlab.bench.document import Measurements
from costlab.cli.voice import Voice
from costlab.errors import UsageError
from costlab.render import plots
from costlab.store import write_text

ENDING = ".svg"
PlotOption = Annotated[
    str | None,
    typer.Option(
        "--plot",
        metavar="FILE.svg",
        help="Draw what is saved, and the roofline in FILE-roofline.svg.",
    ),
]


class Plot:
    """The files of the pictures.

    Raises: UsageError, if the file is to be of another format, or cannot be written, or
    matplotlib is not installed.
    """

    def __init__(self, path: str) -> None:
        if Path(path).suffix.lower() != ENDING:
            raise UsageError(f"--plot {path} draws in SVG; name a file that ends in {ENDING}")
        plots.require()
        self.path = Path(path)
        folder = self.path.parent
        if self.path.is_dir() or not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise UsageError(
                f"--plot {path} cannot be written; name a file in a folder that is there and may "
                "be written to"
            )

    def draw(self, found: Measurements, voice: Voice) -> None:
        """Writes both pictures; what cannot be drawn is told, and the other is drawn all the same.

        Raises:
            UsageError: a file cannot be written.
        """
        beside = self.path.with_stem(f"{self.path.stem}-roofline")
        for path, draw in ((self.path, plots.latency_svg), (beside, plots.roofline_svg)):
            try:
                picture = draw(found)
            except plots.NothingToPlotError as error:
                voice.warn(f"{path} was not drawn: {error}")
                continue
            write_text(path, picture)
            voice.tell(f"wrote {path}")
