"""A short look on the real clock: it ends within its minute, whatever else the machine does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from costlab.bench.costs import price
from costlab.bench.document import Measurements
from costlab.bench.studies import STUDIES
from costlab.render.bench_cases import DROWNED

if TYPE_CHECKING:
    from pathlib import Path

    from costlab.bench.study import Study

A_MINUTE_S = 60
STUDY = """
[subjects.whole]
model = "conv3x3(inputs=16)"

[subjects.halves]
model = "pair_3x1_1x3(inputs=16)"

[[pairs]]
baseline = "whole"
variant = "halves"

[quick]
batches = [1]
precisions = ["fp32"]
arms = ["eager"]
"""


def test_a_short_look_ends_within_a_minute(tmp_path: Path) -> None:
    """From its start to its end, beside whatever runs here; with a number, or the true reason."""
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    words = ["bench", "study.toml", "--quick", "--device", "cpu", "--format", "json:out.json"]
    begun_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "costlab", *words],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"},
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * A_MINUTE_S,
    )
    assert time.monotonic() - begun_s < A_MINUTE_S
    found = Measurements.from_dict(json.loads((tmp_path / "out.json").read_text(encoding="utf-8")))
    compared = [case for case in found.cases if case.comparison]
    reasons = (DROWNED, "The time limit")
    assert (done.returncode, len(compared)) == (0, 1) or (
        done.returncode == 2 and any(reason in done.stderr for reason in reasons)
    ), done.stderr


STUCK = """
import time

from torch import nn


class Stuck(nn.Module):
    calls = 0

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        Stuck.calls += 1
        if Stuck.calls > 4:
            time.sleep(600)
        return self.conv(x)
"""


def test_what_does_not_end_is_left(tmp_path: Path) -> None:
    """A model that hangs, as a compiler may, ends with the time: said, kept, and exit code 2."""
    (tmp_path / "stuck.py").write_text(STUCK, encoding="utf-8")
    words = ["bench", "stuck.py:Stuck", "-i", "f32[1,3,8,8]", "--quick", "--minutes", "0.1"]
    done = subprocess.run(
        [sys.executable, "-m", "costlab", *words, "--device", "cpu", "--format", "json:out.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * A_MINUTE_S,
    )
    assert done.returncode == 2
    assert "error: the time was over, 0.1 min, before any case was measured" in done.stderr
    assert "--minutes gives more" in done.stderr
    found = Measurements.from_dict(json.loads((tmp_path / "out.json").read_text(encoding="utf-8")))
    assert not found.complete
    assert "The time limit of 0.1 min was over while" in found.notes[-1]


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_the_cheapest_pair_comes_first(study: Study) -> None:
    """Where time is short the pairs of fewer multiply-adds are there, in the cheaper arm."""
    cases = list(study.cases(study.quick))
    arms = study.quick.arms
    macs = [(arms.index(c.variant.arm), price(c.baseline.subject, c).macs) for c in cases]
    assert macs == sorted(macs)
    assert study.quick.by_arm
