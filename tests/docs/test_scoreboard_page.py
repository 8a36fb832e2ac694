"""The pages of the scoreboard and of timm's models: what is counted from kept results."""

from __future__ import annotations

import pytest

from docs import scoreboard_page, timm_page


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ({"macs": 5, "truth": 5, "named": False}, "exact"),
        ({"macs": 0, "truth": 0, "named": True}, "exact"),
        ({"macs": 3, "truth": 5, "named": True}, "bound"),
        ({"macs": 7, "truth": 5, "named": True}, "off"),
        ({"macs": 1001, "truth": 1000, "named": False}, "within 1 %"),
        ({"macs": 1, "truth": 0, "named": False}, "off"),
        ({"macs": 0, "truth": 5, "named": False}, "zero"),
        ({"error": "TypeError: no", "truth": 5}, "failed"),
    ],
)
def test_an_outcome_is_what_it_is_called(case: dict[str, object], kind: str) -> None:
    """A bound only counts as one if it is below the truth and the counter says so."""
    assert scoreboard_page.outcome(case) == kind


def test_who_is_faster_and_wrong_is_not_named() -> None:
    """Time is compared among those that are exact; who is faster among them is named."""

    def counter(macs: int, took_s: float) -> dict[str, object]:
        case = {"case": "net", "group": "models", "truth": 5, "macs": macs, "named": False}
        return {"cases": [case | {"took_s": [took_s] * 3}]}

    ours = {"costlab": counter(5, 0.2)}
    alone = scoreboard_page.fastest({**ours, "guesser": counter(4, 0.1), "slow": counter(5, 0.3)})
    assert "fastest on 1 of 1." in alone
    beaten = scoreboard_page.fastest({**ours, "quick": counter(5, 0.1)})
    assert "fastest on 0 of 1; elsewhere another one is: net (quick, in 0.5 of the time)" in beaten


def test_the_first_analysis_is_told_apart() -> None:
    """Who is slow at first is no slower for it afterwards, and the other way round."""
    case = {"case": "net", "group": "models", "truth": 5, "macs": 5, "named": False}
    counters = {
        "costlab": {"cases": [case | {"took_s": [0.4, 0.1, 0.1, 0.2]}]},
        "steady": {"cases": [case | {"took_s": [0.2, 0.2, 0.2, 0.2]}]},
    }
    assert "is the fastest on 1 of 1." in scoreboard_page.fastest(counters)
    at_first = scoreboard_page.fastest(counters, scoreboard_page.first_s)
    assert "fastest on 0 of 1; elsewhere another one is: net (steady, in 0.5 of the" in at_first
    rows = scoreboard_page.beside(counters, "models").splitlines()[2:]
    assert rows == ["| steady | 1 of 1 | 1 of 1 | 200 ms | 100 ms | 2.00× | 2.00× | 0.500× |"]


def test_all_models_together_are_told() -> None:
    """Of counters that have an answer for each model, right or wrong, the fastest is named."""
    case = {"group": "models", "truth": 5, "macs": 5, "named": False}

    def counter(*took_s: float) -> dict[str, object]:
        cases = [case | {"case": str(at), "took_s": [9, s, s]} for at, s in enumerate(took_s)]
        return {"cases": cases}

    answered = case | {"case": "1", "took_s": [1, 1, 1]}
    failed = {"cases": [case | {"case": "0", "error": "no"}, answered]}
    counters = {"costlab": counter(0.1, 0.2), "slow": counter(1, 2), "less": counter(0.2, 0.4)}
    told = scoreboard_page.together({**counters, "broken": failed})
    assert "together take costlab 300 ms; of the others" in told
    assert told.endswith("the fastest is less with 600 ms.")
    told = scoreboard_page.together({**counters, "quick": counter(0.1, 0.1)})
    assert told.endswith("the fastest is quick with 200 ms.")


def test_times_are_compared_where_both_are_right() -> None:
    """A counter's time stands beside ours on the models that it gets right, and on no other."""

    def counter(*cases: tuple[int, float]) -> dict[str, object]:
        model = {"group": "models", "truth": 5, "named": False}
        return {
            "cases": [
                model | {"case": str(number), "macs": macs, "took_s": [took_s] * 3}
                for number, (macs, took_s) in enumerate(cases)
            ]
        }

    told = scoreboard_page.beside(
        {
            "costlab": counter((5, 0.1), (5, 0.1), (5, 0.4)),
            "guesser": counter((4, 0.1), (4, 0.1), (4, 0.1)),
            "slow": counter((5, 0.2), (5, 0.8), (4, 0.1)),
        },
        "models",
    )
    rows = told.splitlines()[2:]
    assert rows == ["| slow | 2 of 3 | 2 of 2 | 1.00 s | 200 ms | 5.00× | 4.00× | 5.00× |"]


def test_operations_have_times_of_their_own() -> None:
    """Who is faster on single operations is said, by name, and models are not among them."""

    def counter(*took_s: float, macs: int = 5) -> dict[str, object]:
        told = {"truth": 5, "named": False, "macs": macs}
        groups = ["models", *["operations"] * (len(took_s) - 1)]
        return {
            "cases": [
                told | {"case": str(at), "group": group, "took_s": [each] * 3}
                for at, (group, each) in enumerate(zip(groups, took_s, strict=True))
            ]
        }

    counters = {
        "costlab": counter(0.5, 0.004, 0.004, 0.001),
        "quick": counter(9.0, 0.001, 0.002, 0.003),
        "guesser": counter(0.1, 0.0001, 0.0001, 0.0001, macs=4),
    }
    said = scoreboard_page.on_operations(counters)
    assert "the fastest on 1 of 3" in said
    assert "takes 4.00 ms at the median" in said
    assert said.endswith("on the others the fastest is quick (2).")
    rows = scoreboard_page.beside(counters, "operations").splitlines()[2:]
    mean = (0.25 * 0.5 * 3) ** (1 / 3)
    shares = f"0.667× | {mean:.3f}× | 0.667×"
    assert rows == [f"| quick | 3 of 3 | 1 of 3 | 6.00 ms | 9.00 ms | {shares} |"]
    assert "fastest on 1 of 1." in scoreboard_page.fastest(counters)


def entry(macs: int, **changed: object) -> dict[str, object]:
    """A model of timm's as the sweep keeps it."""
    told: dict[str, object] = {
        "macs": macs,
        "operations": 10,
        "unknown": [],
        "samples_s": [0.01, 0.02, 0.03],
        "derived": macs,
        "terms": [],
        "flop_counter": {"macs": macs, "flop_counter_s": 0.2},
    }
    return told | changed


def test_a_difference_is_explained_or_says_that_it_is_not() -> None:
    """Only where the rules give the other counter's own number is a difference explained."""
    models = {
        "same": entry(100),
        "told": entry(
            100,
            derived=90,
            terms=[["a vector", -10]],
            flop_counter={"macs": 90, "flop_counter_s": 0.2},
        ),
        "odd": entry(100, flop_counter={"macs": 91, "flop_counter_s": 0.2}),
        "dead": {"error": "not built: no"},
    }
    results = {"models": models, "versions": {"timm": "1"}, "machine": {"cores": 2, "cpu": "a"}}
    page = timm_page.page(results)
    assert "All 4 models" in page
    assert "- 3 of 4 analyzed, 3 of them without" in page
    assert "- 1 equal to FlopCounterMode to the integer" in page
    assert "| `told` | 100 | -10 | a vector (-10) |" in page
    assert "| `odd` | 100 | -9 | **not explained**: no rule says so |" in page
    assert "Not built (1)" in page


def test_the_slowest_have_their_reasons() -> None:
    """Where a model's time goes, and what it has much of, is counted from what was looked at."""
    why = {
        "where": {"mul": 10, "adding up by block": 60, "conv2d": 25, "relu": 5},
        "calls": {"relu": 2, "mul": 1500, "conv2d": 30, "add": 3},
        "modules": 1000,
        "weights": 40,
    }
    models = {"slow": entry(1, operations=1535), "quick": entry(1, samples_s=[0.001])}
    results = {
        "models": models,
        "versions": {"timm": "1"},
        "machine": {"cores": 2, "cpu": "a"},
        "swept_s": 750.0,
        "slowest": {"slow": why, "quick": {"error": "its process died"}},
    }
    page = timm_page.page(results)
    assert "The whole sweep took 750 s on these cores" in page
    (row,) = (line for line in page.splitlines() if line.startswith("| `slow`"))
    assert "| adding up by block 60 %, conv2d 25 %, mul 10 % |" in row
    assert "| 1,500 mul, 30 conv2d, 3 add; 1,000 modules, 40 weights and buffers |" in row
    assert next(line for line in page.splitlines() if "`quick`" in line).endswith("|  |  |")
    del results["slowest"], results["swept_s"]
    assert "The whole sweep" not in timm_page.page(results)  # as kept before these were
