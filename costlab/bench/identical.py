"""Identical arms, timed until there is a noise floor, or it is known that there is none to be had.

Knows neither a device nor how anything is timed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.bench.blame import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from costlab.bench.document import Comparison
    from costlab.bench.study import Case

MOST_TRIES = 3
"""Cases of which one may fail without the next being asked."""
NO_FLOOR = (
    "Identical arms were timed twice, and too few pairs were left: the noise floor is unknown, and "
    "verdicts follow what each side shows against itself within its comparison."
)
ONCE = NO_FLOOR.replace("twice", "once")


def floor_of(
    cases: Sequence[Case],
    timed: Callable[[Case], Comparison | None],
    *,
    fewest_pairs: int,
    has_time: Callable[[], bool],
    note: Callable[[str], None],
) -> Comparison | None:
    """What the baseline of the first case that runs shows against itself; None if nothing sound.

    What neighbours drowned is no floor. It is measured once more, in a better moment, while it
    `has_time`; after that the floor is unknown. A second case, too, is asked while it has.
    """
    for case in cases[:MOST_TRIES]:
        try:
            found = timed(case)
            again = not _is_sound(found, fewest_pairs) and has_time()
            found = timed(case) if again else found
        except Exception as error:  # noqa: BLE001 - a case's own run tells its error
            note(f"Identical arms could not be compared: {in_words(error)}.")
            if not has_time():
                break
            continue
        if _is_sound(found, fewest_pairs):
            return found
        note(NO_FLOOR if again else ONCE)
        break
    return None


def _is_sound(found: Comparison | None, fewest_pairs: int) -> bool:
    """Whether a comparison has pairs enough, or lacks them for no neighbour's sake."""
    return found is not None and (not found.dropped or found.pairs >= fewest_pairs)
