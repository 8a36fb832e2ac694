"""The page of the claims, made of what `costlab claims` judges; it knows no verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.claims.document import WORDS
from costlab.claims.inception_v3.contradictions import CONTRADICTIONS
from costlab.render import markdown
from costlab.render.claims import claim_tables, claims_tables, deviated, said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.claims.document import ClaimVerdict, Verdicts

NOTICE = "<!-- Written by `make docs`; what stands here is changed where it comes from. -->"
INTRODUCTION = (
    """\
Every statement about cost and architecture in four documents on Inception-v3, held against what \
costlab traces or computes. `costlab claims` prints this page's tables, and `costlab claims B3` \
one claim in full.""",
    """\
The documents: **P** Szegedy et al. 2015, [Rethinking the Inception Architecture for Computer \
Vision](https://arxiv.org/abs/1512.00567); **R** a review of it (Tsang, “Review: Inception-v3”); \
**S** a structured summary; **G** a guide to the versions (Raj 2018, “A Simple Guide to the \
Versions of the Inception Network”).""",
    """\
A figure is held against its printed precision: “5 billion” admits what rounds to it, 4.5 to 5.5, \
and “60 million” is read to the million. Where a document says “about”, or writes a figure in \
passing (“a 12× reduction”), it is held to 10 %, and where it gives an estimate to what the table \
says. Tolerances were set before any value was computed.""",
    """\
Where a statement can be understood in several ways, each is a reading of its own. The first gives \
the verdict: the released network, or else the widest-known graph; and the quotient where “times \
more” may mean a quotient or an excess, unless the document's own counts decide. Of a statement \
that says several things at once, the reading that comes out worst decides. A star marks claims on \
which the readings disagree.""",
)
ABOUT_LADDER = """\
Table 3 prints 3.8 and 4.8 billion operations for networks whose filter banks were never \
published. Each reading below is traced; one that meets a figure only by going against the text is \
a coincidence, and confirms nothing."""
MEANING = {
    "holds": "what is computed rounds to what is claimed, or keeps its bound",
    "near": "it does not, but is within 20 % of it",
    "fails": "it is further away",
    "not checkable": "it takes trained weights, or there is nothing to hold it against",
}


def page(verdicts: Verdicts, ladder: Verdicts) -> str:
    """The whole page."""
    parts = [
        "# What the papers claim, and what comes out",
        NOTICE,
        *INTRODUCTION,
        counts(verdicts),
        *sections(verdicts),
        "## Contradictions among the documents",
        "\n".join(contradictions(verdicts)),
        "## The ladder",
        ABOUT_LADDER,
        rungs(ladder),
        "## Each claim in full",
        *in_full(verdicts),
    ]
    return "\n\n".join(parts) + "\n"


def counts(verdicts: Verdicts) -> str:
    """A table of how many claims have each verdict."""
    counted = verdicts.counts()
    rows = [f"| {word} | {counted[word]} | {MEANING[word]} |" for word in WORDS]
    head = ["| verdict | claims | meaning |", "| :--- | ---: | :--- |"]
    return "\n".join([*head, *rows, f"| in all | {len(verdicts.claims)} | |"])


def sections(verdicts: Verdicts) -> Iterator[str]:
    """A table a section."""
    for table in claims_tables(verdicts):
        yield f"## {table.title}"
        yield _table(markdown.render(table))


def _table(text: str) -> str:
    """The rows of a rendered table alone; its title and notes stand elsewhere on the page."""
    return "\n".join(line for line in text.splitlines() if line.startswith("|"))


def contradictions(verdicts: Verdicts) -> Iterator[str]:
    """A numbered line each, with the verdicts that bear on it."""
    known = {claim.id: claim for claim in verdicts.claims}
    for number, entry in enumerate(CONTRADICTIONS, start=1):
        bearing = ", ".join(f"{known[id_].id} {known[id_].verdict}" for id_ in entry.claims)
        told = f" See {bearing}." if bearing else ""
        yield f"{number}. {entry.text} ({'; '.join(entry.where)}){told}"


def rungs(ladder: Verdicts) -> str:
    """A row a reading of the ladder, with its distance from each printed figure."""
    head = " | ".join(claim.printed for claim in ladder.claims)
    lines = [
        f"| reading | computed | {head} | goes against |",
        "| :--- | ---: |" + " ---: |" * len(ladder.claims) + " :--- |",
    ]
    first = ladder.claims[0]
    for index, reading in enumerate(first.readings):
        cells = []
        for claim in ladder.claims:
            one = claim.readings[index]
            bold = "**" if one.verdict == "holds" else ""
            cells.append(f"{bold}{deviated(one.deviation)}, {one.verdict}{bold}")
        computed = said(reading.computed, first.unit)
        lines.append(
            f"| {reading.name} | {computed} | {' | '.join(cells)} | {reading.contradicts} |"
        )
    return "\n".join(lines)


def in_full(verdicts: Verdicts) -> Iterator[str]:
    """Each claim with its readings, formulas and places, the first of each id."""
    for claim in verdicts.claims:
        yield f"### {claim.id}: {claim.claim}"
        yield from _claim(claim)


def _claim(claim: ClaimVerdict) -> Iterator[str]:
    readings = claim_tables(claim)[0]
    if readings.rows:
        yield _table(markdown.render(readings))
    yield " ".join(readings.notes)
