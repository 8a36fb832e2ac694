"""The part of the page on measuring that tells how a study of one's own is written.

The keys are those that the reader of such a file takes; a test finds one that is not told.
"""

from __future__ import annotations

from costlab.bench import studyfile, studysubjects
from costlab.bench.study import Axes
from docs.parts import table

TOP, SUBJECT, PAIR, AXIS = "the file", "[subjects.NAME]", "[[pairs]]", "[axes]"
READ = {
    TOP: studyfile.KEYS,
    SUBJECT: studysubjects.SUBJECT_KEYS,
    PAIR: studysubjects.PAIR_KEYS,
    AXIS: studyfile.AXES_KEYS,
}
"""Where keys stand, and those that the reader takes there."""
KEYS = {
    (TOP, "name"): "what the study is called; if left out as the file",
    (TOP, "title"): "a line that stands over its table",
    (TOP, "subjects"): "a table for each model that is timed, `[subjects.NAME]`",
    (TOP, "pairs"): "a `[[pairs]]` for each comparison",
    (TOP, "axes"): "under which conditions each pair is measured: every combination of them",
    (TOP, "quick"): "the axes of `--quick`, with the keys of `[axes]`; what it leaves out is as "
    "there",
    (SUBJECT, "model"): "a model as `costlab report` takes it; needed",
    (SUBJECT, "shape"): "the shape of one sample, without the batch; may be left out for what "
    "`costlab list` shows",
    (SUBJECT, "inputs"): "in place of `shape`: specs as `--input` takes them, such as "
    '`["ids=i64[8,128]", "mask=bool[8,128]"]`; one unnamed input of float32 is made in the '
    "batches of the axis, all others go in as they are and say their own batch",
    (SUBJECT, "inputs_from"): "in place of `shape`: a function that returns the inputs, "
    "`inputs.py:make`, as `--inputs-from` takes it; they say their own batch",
    (SUBJECT, "block"): "the path of a block of the model: that alone is timed, on what it is "
    "given when the whole model runs",
    (SUBJECT, "training"): "`true` times a step of training in place of an inference",
    (SUBJECT, "takes_finish"): "`true` passes the axis `finishes` to the model as its argument "
    "`finish`; if left out, for parts of the zoo alone",
    (PAIR, "variant"): "the name of a subject; needed",
    (PAIR, "baseline"): "the name of the subject that it may replace, on the same "
    "inputs; if left out, each arm is compared with the first of `arms`",
    (PAIR, "name"): "what the pair is called, as `--pair` chooses it",
    (AXIS, "batches"): "images in a batch",
    (AXIS, "precisions"): "types that are computed in",
    (AXIS, "layouts"): "where channels lie in memory",
    (AXIS, "finishes"): "what stands behind a convolution",
    (AXIS, "regimes"): "what is in the cache, see above",
    (AXIS, "arms"): "what runs, see above",
    (AXIS, "pairs"): "names of pairs; if left out all",
}
EXAMPLE = """
title = "Two 3x3 for a 5x5"

[subjects.five]
model = "conv5x5(inputs=64)"

[subjects.threes]
model = "two_3x3(inputs=64)"

[[pairs]]
baseline = "five"
variant = "threes"

[axes]
batches = [1, 32]
precisions = ["fp32"]
arms = ["eager", "compile"]

[quick]
batches = [1]
"""


def told() -> list[str]:
    """The format of a study's file: each key that the reader takes, and an example."""
    default = Axes()
    rows = []
    for place, keys in READ.items():
        for key in keys:
            known = studyfile.CHOICES.get(key)
            listed = f"; of {', '.join(known)}" if known else ""
            here = getattr(default, key, None) if place == "[axes]" else None
            usual = f"; if left out {', '.join(map(str, here))}" if here else ""
            rows.append((f"`{place}`", f"`{key}`", f"{KEYS[place, key]}{listed}{usual}"))
    return [
        (
            "`costlab bench study.toml` measures the pairs of a file; `costlab bench study.toml "
            "--quick` what its `[quick]` chooses. For example:"
        ),
        f"```toml\n{EXAMPLE.strip()}\n```",
        table(("where", "key", "what it says"), rows, text_from=1),
    ]
