"""Whether a run may go on with what an earlier one measured.

Knows neither a device nor files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.bench.document import Measurements

SAME = ("device", "gpu", "torch", "cudnn", "driver")
SAME_ON_A_CPU = ("cpu", "threads")
"""What must be the same for times to stand in one document; a GPU may be another of its kind."""


def refuse_another(
    known: Measurements, study: str, environment: Mapping[str, object] | None = None
) -> None:
    """Refuses to go on with a document that is of something else; the device is asked for later.

    Raises:
        UsageError: the document is of another study or device.
    """
    if known.study != study:
        raise UsageError(
            f"the file holds the study {known.study!r}, not {study!r}; give --out another file"
        )
    if environment is None:
        return
    on_cpu = SAME_ON_A_CPU if environment.get("device") == "cpu" else ()
    for name in (*SAME, *on_cpu):
        here, there = environment.get(name), known.environment.get(name)
        if here != there:
            raise UsageError(
                f"the file was measured with another {name} ({there!r}; here it is {here!r}); "
                "give --out another file"
            )
