"""What stands under measurements: cases by their names, one noise floor, each reason once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from costlab.bench.contrast import contrast
from costlab.bench.document import Comparison, Model, Session
from costlab.cli.measurements import lacking
from costlab.errors import UsageError
from costlab.render.bench import bench_rows, bench_tables
from costlab.render.contrast import contrast_rows, contrast_tables
from tests.render.measured import FAILED, FIVE, FOUND, NULL, SLOWER


def compared(**changed: object) -> Comparison:
    """The comparison of the slower case, changed."""
    assert SLOWER.comparison is not None
    return replace(SLOWER.comparison, **changed)  # type: ignore[arg-type]  # fields by name, of several types


def test_a_note_names_its_case() -> None:
    """By its variant, or its pair where several have that variant; each axis that varies."""
    drifting = replace(SLOWER, comparison=compared(reason="baseline drifted by +4.0%"))
    two = (SLOWER, replace(drifting, precision="fp16"))
    notes = bench_tables(replace(FOUND, cases=two))[0].notes
    assert f"{SLOWER.variant.subject} · fp16 (SLOWER): baseline drifted by +4.0%." in notes
    two = (SLOWER, replace(drifting, pair="3x3 → 3x3 3x3"))
    notes = bench_tables(replace(FOUND, cases=two))[0].notes
    assert "3x3 → 3x3 3x3 (SLOWER): baseline drifted by +4.0%." in notes


def test_a_side_alone_needs_no_verdict() -> None:
    """Nothing is said of the verdict of a side on itself; that it drifted is."""
    undecided = "the interval neither clears the noise of -0.5 to +0.5 % nor stays within"
    for reason, said in ((undecided, False), (f"{undecided}; variant drifted by +9.0%", True)):
        noisy = replace(NULL, verdict="AMBIGUOUS", reason=reason)
        alone = replace(SLOWER, variant=FIVE, comparison=noisy, explanation=None)
        notes = bench_tables(replace(FOUND, cases=(alone,)))[0].notes
        assert not any("AMBIGUOUS" in note or "neither" in note for note in notes)
        told = f"{FIVE.subject} (timed alone): variant drifted by +9.0%."
        assert (told in notes) is said


def test_the_noise_floor_is_one_range() -> None:
    """It is told once, as far as it reaches to both sides; reasons and warnings refer to it."""
    noisy = Comparison(0.98, 0.96, 0.997, 12, 0, "FASTER", "precise")
    floor = "-4.2 to +4.0 %"
    reason = f"the interval neither clears the noise of {floor} nor stays within"
    doubt = compared(ratio=0.97, low=0.965, high=0.975, verdict="AMBIGUOUS", reason=reason)
    table = bench_tables(replace(FOUND, null=noisy, cases=(replace(SLOWER, comparison=doubt),)))[0]
    told = "\n".join((*table.notes, *table.warnings))
    assert told.count(floor) == 1
    assert f"Noise floor: {floor}. " in told
    assert "(AMBIGUOUS): the interval neither clears the noise floor nor stays within." in told
    assert "the noise floor hides 1 of 1 differences" in told


def test_what_failed_for_one_reason_is_told_once() -> None:
    """Also if its figures differ, and though identical arms failed for it too."""
    two = [
        replace(FAILED, batch=n, variant=replace(FAILED.variant, error=f"two runs differ by 0.{n}"))
        for n in (1, 2)
    ]
    notes = ("Identical arms could not be compared: two runs differ by 0.3.",)
    found = replace(FOUND, cases=(SLOWER, *two), null=None, notes=notes)
    (told,) = [note for note in bench_tables(found)[0].notes if "two runs differ" in note]
    pair = FAILED.pair
    assert (
        told
        == f"Not measured: {pair} · compile · b1; {pair} · compile · b2: two runs differ by 0.1."
    )
    other = ("Identical arms could not be compared: no compiler.",)
    assert other[0] in bench_tables(replace(found, notes=other))[0].notes


def test_what_all_cases_share_is_in_the_title_of_two_documents() -> None:
    """A case is called by what tells it from others; programs get its whole key."""
    large = replace(SLOWER, key=SLOWER.key.replace("b32", "b256"), batch=256)
    both = replace(FOUND, cases=(SLOWER, large))
    told = contrast(both, both)
    sides = contrast_tables(told)[0]
    assert sides.title == "factorizations, twice · bf16 · nhwc · bn_relu · cold"
    assert [row.cells[0] for row in sides.rows] == [
        f"{SLOWER.pair} · eager · b32",
        None,
        f"{SLOWER.pair} · eager · b256",
        None,
    ]
    assert contrast_rows(told).rows[0].cells[0] == SLOWER.key


def test_what_neighbours_drowned_has_no_numbers() -> None:
    """A case of which fewer than two blocks count has no row, also for programs; it is named."""
    places = tuple(range(len(FIVE.samples_s)))
    sides = [replace(side, dropped=places) for side in (SLOWER.baseline, SLOWER.variant)]
    drowned = replace(
        SLOWER, batch=256, baseline=sides[0], variant=sides[1], comparison=None, explanation=None
    )
    found = replace(FOUND, cases=(SLOWER, drowned))
    assert len(bench_rows(found).rows) == len(bench_rows(FOUND).rows) == 2
    told = "\n".join(bench_tables(found)[0].notes)
    assert f"Not measured: {SLOWER.variant.subject} · b256: others had the cores" in told
    with pytest.raises(UsageError, match="no case was measured in both"):
        contrast(replace(FOUND, cases=(drowned,)), replace(FOUND, cases=(drowned,)))


@pytest.mark.parametrize(
    ("environment", "fewer"),
    [
        ({"device": "cpu", "threads": 4}, "OMP_NUM_THREADS=3 or less"),
        ({"device": "cpu", "threads": 2}, "OMP_NUM_THREADS=1, in another file"),
        ({"device": "cpu", "threads": 1}, ""),
        ({"device": "cuda", "threads": 4}, ""),
    ],
)
def test_what_to_do_where_neighbours_drowned_a_case(
    environment: dict[str, object], fewer: str
) -> None:
    """It is told once, with the error that it has; fewer threads are a way where there are any."""
    places = tuple(range(len(FIVE.samples_s)))
    sides = [
        replace(side, dropped=places, error="of 5 blocks of samples, 0 count")
        for side in (SLOWER.baseline, SLOWER.variant)
    ]
    drowned = replace(
        SLOWER, baseline=sides[0], variant=sides[1], comparison=None, explanation=None
    )
    found = replace(FOUND, cases=(drowned,), environment=environment)
    (note,) = (note for note in bench_tables(found)[0].notes if note.startswith("Not measured"))
    assert "when others are done, --out FILE and --resume measure that again" in note
    assert ("fewer threads" in note) == bool(fewer)
    assert fewer in note
    told = lacking(found, ())
    assert told.startswith("nothing could be measured: others had the cores")
    assert fewer in told


def test_a_roof_of_bytes_alone_is_told() -> None:
    """A side without products shows a share of its bytes' time, and the legend says so."""
    assert SLOWER.models is not None
    passes = Model(0.0, 0.0, 1.18e-5, 1.0, 0.0, "memory")
    case = replace(SLOWER, models=(SLOWER.models[0], passes))
    table = bench_tables(replace(FOUND, cases=(case,)))[0]
    assert any("of what has no products, the time of its bytes alone" in n for n in table.notes)
    place = [column.key for column in table.columns].index("of_roof")
    assert table.rows[1].cells[place] == pytest.approx(1.18e-5 / 59e-6)
    assert not any("of what has no products" in note for note in bench_tables(FOUND)[0].notes)


def test_a_floor_is_that_of_the_case_s_own_session() -> None:
    """A reason that an earlier session gave refers to its floor, which is not the last one's."""
    noisy = Comparison(0.98, 0.96, 0.997, 12, 0, "FASTER", "precise")
    reason = "the interval neither clears the noise of -4.2 to +4.0 % nor stays within"
    doubt = compared(ratio=0.97, low=0.965, high=0.975, verdict="AMBIGUOUS", reason=reason)
    sessions = (Session(FOUND.ceilings, noisy), Session(FOUND.ceilings, NULL))
    for session, hidden in ((0, True), (1, False)):
        case = replace(SLOWER, comparison=doubt, session=session)
        table = bench_tables(replace(FOUND, cases=(case,), sessions=sessions))[0]
        assert any("neither clears the noise floor nor" in note for note in table.notes) is hidden
        assert any("hides 1 of 1" in text for text in table.warnings) is hidden


def test_what_binds_nothing_is_defined() -> None:
    """Where nothing that is modelled explains the time, a line says what that word means."""
    assert SLOWER.models is not None
    short = replace(SLOWER.models[1], binds="none")
    case = replace(SLOWER, models=(SLOWER.models[0], short))
    for one, said in ((case, True), (SLOWER, False)):
        notes = bench_tables(replace(FOUND, cases=(one,)))[0].notes
        assert any("bound by none: " in note for note in notes) is said
