"""The pages that are made of results hold what their results say."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from docs import speed_page, torchvision_agreement, torchvision_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[2]

PAGES: dict[str, tuple[Callable[[Mapping[str, Any]], str], str]] = {
    "torchvision.md": (torchvision_page.page, "torchvision.json"),
    "speed.md": (speed_page.page, "analysis.json"),
}


def results(name: str) -> dict[str, Any]:
    """The results of a benchmark that are kept."""
    path = ROOT / "benchmarks" / "results" / name
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_its_results_give(name: str) -> None:
    """No figure on the page was typed in: `make docs` gives the same page."""
    page, kept = PAGES[name]
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == page(results(kept))


def test_each_model_is_on_the_page() -> None:
    """Every model that was swept has its row, built or not."""
    models = results("torchvision.json")["models"]
    page = torchvision_page.page({"models": models, "versions": {}})
    assert [name for name in models if f"`{name}`" not in page] == []


def test_the_counts_add_up() -> None:
    """A model agrees, is explained, or is named as unexplained; here none is unexplained."""
    models = results("torchvision.json")["models"].values()
    for told in models:
        assert torchvision_agreement.macs_agree(told) or torchvision_agreement.explained_by_stages(
            told
        )
        assert torchvision_agreement.params_agree(told) or torchvision_agreement.explained_by_heads(
            told
        )
        assert torchvision_agreement.counters_agree(told)


def test_an_explanation_is_computed_again() -> None:
    """First stage, proposals and detections give the sum that the sweep kept."""
    for told in results("torchvision.json")["models"].values():
        stage = told["checks"].get("second_stage")
        if stage is not None:
            assert stage["macs"] == (
                stage["first_stage_macs"]
                + stage["proposals"] * stage["proposal_macs"]
                + stage["detections"] * stage["detection_macs"]
            )


def test_the_parts_of_a_detector_are_those_of_a_run() -> None:
    """What FlopCounterMode counted in a real run is the sum of the parts, to the integer."""
    models = results("torchvision.json")["models"].values()
    stages = [told["checks"]["second_stage"] for told in models if "second_stage" in told["checks"]]
    assert stages
    for stage in stages:
        assert stage["run"]["flop_counter_macs"] == stage["run"]["sum_macs"]


def test_a_wrong_count_is_called_unexplained() -> None:
    """The guard can fail: a count that is off by a thousandth is named on the page."""
    kept = copy.deepcopy(results("torchvision.json"))
    kept["models"]["resnet50"]["macs"] += 10**7
    page = torchvision_page.page(kept)
    assert "**Unexplained:** `resnet50`." in page
    assert "FlopCounterMode counts otherwise: `resnet50`." in page


def test_a_bar_that_does_not_hold_says_so() -> None:
    """The guard can fail: a bar that was missed is not shown as held."""
    kept = copy.deepcopy(results("analysis.json"))
    kept["bars"][0]["holds"] = False
    assert "| **no** |" in speed_page.page(kept)


def test_the_bars_are_judged_by_their_limits() -> None:
    """A bar holds where its figure is at most its limit."""
    for bar in results("analysis.json")["bars"]:
        assert bar["holds"] == (bar["value"] <= bar["limit"])


def test_no_result_names_a_place_of_the_machine() -> None:
    """Results and pages tell versions and processor, and no path."""
    for name, (page, kept) in PAGES.items():
        told = json.dumps(results(kept)) + page(results(kept))
        assert re.findall(r"(?<![\w/])/(?:home|work|root|tmp|usr)/\S+", told) == [], name
