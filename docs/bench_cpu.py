"""The part of the page on measuring that shows the studies on a CPU: each from its own document.

It measures nothing. What was not measured is named, with the command that does so.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from costlab.bench.document import Measurements
from costlab.render import markdown
from costlab.render.bench import bench_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path("benchmarks") / "results"


class Kept(NamedTuple):
    """A study's document among the results, and what is asked for beside `--quick`."""

    study: str
    file: str
    besides: str = ""

    @property
    def command(self) -> str:
        """What measures it, in the root of a checkout."""
        asked = " ".join(filter(None, (self.study, "--device cpu --quick", self.besides)))
        return f"costlab bench {asked} --format json:{RESULTS / self.file}"

    def read(self, folder: Path) -> Measurements | None:
        """What a folder of results holds of it; None if nothing."""
        path = folder / self.file
        if not path.exists():
            return None
        return Measurements.from_dict(json.loads(path.read_text(encoding="utf-8")))


DOCUMENTS = (
    Kept("factorizations", "bench_cpu.json"),
    Kept("grid-reduction", "bench_cpu_grid.json", "--minutes 2"),
    # What is compiled here takes longer than the minute of a short look where others use cores.
    Kept("blocks", "bench_cpu_blocks.json", "--arm eager,compile --minutes 5"),
    Kept("networks", "bench_cpu_networks.json"),
)
"""The results of a CPU that are kept: one a study."""
NOTHING = (
    "**Not measured on a CPU:** no results of `{study}` are in `{folder}`; `{command}` measures "
    "it, and `make docs` shows it here."
)


def told(folder: Path, first: Measurements) -> Iterator[str]:
    """The section: a study after the other, of which the first has been read.

    What is left out is said.
    """
    yield f"## On a CPU: {first.environment.get('cpu')}"
    yield (
        "Through oneDNN. A CPU is no small GPU: this shows the method, and nothing of what a GPU "
        "does. The files have the raw samples; `costlab show` renders them."
    )
    for kept in DOCUMENTS:
        found = first if kept == DOCUMENTS[0] else kept.read(folder)
        yield f"### `{kept.study}`"
        if found is None:
            yield NOTHING.format(study=kept.study, folder=RESULTS, command=kept.command)
            continue
        yield f"`{kept.command}`"
        for one in bench_tables(found):
            yield markdown.render(one).strip()
