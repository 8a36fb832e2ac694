"""`costlab claims`: what the papers claim, what comes out, and the verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import typer

from costlab.claims.document import WORDS, ClaimVerdict, Verdicts, Word
from costlab.cli.options import (
    Accessible,
    ColorOption,
    Debug,
    Formats,
    Quiet,
    UnitsOption,
    Verbose,
)
from costlab.cli.output import Face, Target, emit, targets
from costlab.cli.voice import Voice
from costlab.errors import UsageError, did_you_mean
from costlab.render.claims import claim_tables, claims_data, claims_tables
from costlab.render.table import Table

LADDER_ID = "ladder"
DID_NOT_HOLD = 1
EXAMPLES = (
    ("costlab claims", "every claim, with its verdict"),
    ("costlab claims B3", "one claim in full: each reading, with its formula"),
    ("costlab claims --only fails --source P", "what the paper has wrong"),
    ("costlab claims B3 B6 B7 --require holds", "exit 1 unless all three hold"),
    ("costlab claims ladder", "which network gives the 3.8 and 4.8 billion of Table 3?"),
    ("costlab claims --format json:claims.json", "all of it, in a file"),
)
VERDICTS = tuple(word.replace(" ", "-") for word in WORDS)


def claims(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]…",
            help="Claims to tell in full, such as B3 or 'T1.*', or ladder; without one, a row "
            "each.",
        ),
    ] = None,
    only: Annotated[
        list[str],
        typer.Option(
            "--only",
            metavar="|".join(VERDICTS),
            help="Show claims of this verdict; repeatable.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    source: Annotated[
        list[str],
        typer.Option(
            "--source",
            metavar="P|R|S|G",
            help="Show claims of the paper, the review, the summary or the guide; repeatable.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    require: Annotated[
        Literal["holds", "near"] | None,
        typer.Option("--require", help="Exit 1 if a claim shown comes out worse than this."),
    ] = None,
    units: UnitsOption = "si",
    formats: Formats = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """What the papers claim, what comes out, and the verdict, judged anew in each run.

    Exits with 1 if a verdict is not the one that is on record in the project.
    """
    wanted, voice = targets(formats), Voice(quiet, verbose)
    asked = ids or []
    for word in only:
        if word not in VERDICTS:
            raise UsageError(
                f"{word!r} is no verdict.{did_you_mean(word, VERDICTS)} Verdicts: "
                f"{', '.join(VERDICTS)}"
            )
    found = _judged(asked, source, voice)
    changed = [claim for claim in found.claims if claim.expected != claim.verdict]
    if only:
        words = {word.replace("-", " ") for word in only}
        found = replace(found, claims=tuple(c for c in found.claims if c.verdict in words))
        if not found.claims:
            raise UsageError(f"no claim {'among these ' if asked else ''}{' or '.join(only)}")
    show(found, wanted, Face(units, color, accessible), voice, in_full=bool(asked))
    for claim in changed:
        known = "not on record" if claim.expected is None else f"on record as {claim.expected!r}"
        voice.warn(
            f"{claim.id} is {claim.verdict!r}, and {known}; if it is meant, `make docs` records it"
        )
    _tell_moved(found, voice)
    worse = _worse(found, require) if require else []
    for claim in worse:
        voice.warn(f"{claim.id} is {claim.verdict!r}, and was required to be {require!r}")
    return DID_NOT_HOLD if changed or worse else 0


def _judged(ids: list[str], sources: list[str], voice: Voice) -> Verdicts:
    from costlab.claims.ladder import LADDER
    from costlab.claims.ledger import chosen, judge_all
    from costlab.claims.recorded import recorded
    from costlab.claims.sections import SECTIONS

    rungs = {claim.id for claim in LADDER.claims}
    laddered = [given for given in ids if given == LADDER_ID or given in rungs]
    named = [given for given in ids if given not in laddered]
    sections = chosen(SECTIONS, named, sources, [LADDER_ID]) if named or not laddered else ()
    if laddered:
        whole = LADDER_ID in laddered
        sections = (*sections, *chosen((LADDER,), () if whole else laddered, sources))
    if not sections:
        raise UsageError(f"no claim {'among these ' if ids else ''}is one of {', '.join(sources)}")
    with voice.working("judging the claims"):
        with voice.step("import", "torch"):
            from costlab.analysis import versions
            from costlab.claims.lab import Lab
        with voice.step("judge", f"{sum(len(section.claims) for section in sections)} claims"):
            return judge_all(sections, Lab(), versions(), recorded())


def _tell_moved(found: Verdicts, voice: Voice) -> None:
    """Says which values are not those on record although the verdict is."""
    from costlab.claims.recorded import moved, values

    kept = values()
    for claim in found.claims:
        if claim.expected == claim.verdict and moved(claim, kept.get(claim.id)):
            voice.warn(
                f"{claim.id} comes to {claim.computed}, and to {kept.get(claim.id)} on record; the "
                "verdict is the same"
            )


def _worse(found: Verdicts, require: Word) -> list[ClaimVerdict]:
    """The claims whose verdict is worse than the one required.

    Raises:
        UsageError: none of them can be checked, so that nothing was required of anything.
    """
    checkable = [claim for claim in found.claims if claim.verdict != "not checkable"]
    if not checkable:
        raise UsageError("none of these claims is checkable here, so none can be required to hold")
    limit = WORDS.index(require)
    return [claim for claim in checkable if WORDS.index(claim.verdict) > limit]


def show(found: Verdicts, wanted: list[Target], face: Face, voice: Voice, *, in_full: bool) -> None:
    """Writes verdicts in each format: a row a claim, or each claim in full."""

    def tables() -> list[Table]:
        if not in_full:
            return claims_tables(found, face.units)
        return [table for claim in found.claims for table in claim_tables(claim, face.units)]

    emit(wanted, tables, found.to_json, face, voice, lambda: claims_data(found, in_full=in_full))
