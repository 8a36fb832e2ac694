"""Any text, and any value under any key, is a configuration or an error of the user."""

import json

from hypothesis import event, given
from hypothesis import strategies as st

from costlab.budgets.budget import METRICS
from costlab.budgets.configfile import parsed
from costlab.errors import UsageError
from tests.budgets.made import MODEL, judged
from tests.budgets.test_configfile import BUDGET, FULL, WAIVER

WHOLE = (MODEL + 'inputs = ["f32[1,3,8,8]"]\n' + BUDGET + WAIVER).splitlines()


SPARE = [
    *FULL.replace("tool.costlab.", "").splitlines()[1:], BUDGET.replace('"a"', '"b"'), WAIVER,
    "macs = 3", "per = 'match'", "[waivers]", "models = 3", "[[models]]", "[models.a]", "= 3",
    *(f"{metric} = {{ max = 0 }}" for metric in METRICS), 'modules = ["body.*"]', "ops = ['x']",
]  # fmt: skip


@st.composite
def edited(draw: st.DrawFn) -> str:
    """A sound file with a few lines taken out, put in or changed by a character."""
    lines = list(WHOLE)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(["out", "in", "change"]))
        if what == "out" and len(lines) > 1:
            del lines[at]
        elif what == "in":
            lines.insert(at, draw(st.sampled_from(SPARE)))
        else:
            cut = draw(st.integers(0, len(lines[at])))
            lines[at] = (
                lines[at][:cut]
                + draw(st.sampled_from(["0", "1", "9", "a", "z", '"', "#", "é"]))
                + lines[at][cut + 1 :]
            )
    return "\n".join(lines)


KEYS = ["schema", "baseline", "id", "macs", "max", "modules", "per", "model"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=4), below),
    max_leaves=4,
)


@given(edited() | edited() | edited() | st.text(max_size=60))
def test_no_text_gives_a_traceback(text: str) -> None:
    """Any text is a configuration that checks something, or is told, or is an error of the user."""
    try:
        found = parsed(text)
    except UsageError:
        return
    checks = judged(found)
    event(f"exit {checks.exit_code}")
    assert checks.checks or checks.problems
    assert checks.exit_code == 2 or {check.outcome for check in checks.checks} <= {
        "pass", "warn", "waived", "fail"
    }  # fmt: skip
    if checks.exit_code == 0:
        limited = {check.budget for check in checks.checks}
        assert limited == {budget.id for budget in found.budgets}


@given(st.sampled_from(KEYS), VALUES)
def test_any_value_under_any_key(key: str, value: object) -> None:
    """A value of any type in the place of any other is read as it is meant, or is an error."""

    def toml(found: object) -> str:
        if isinstance(found, dict):
            return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in found.items()) + "}"
        if isinstance(found, list):
            return f"[{', '.join(map(toml, found))}]"
        if isinstance(found, float):
            return repr(found)
        return '"x"' if found is None else json.dumps(found)

    put = {name: name == key for name in ("schema", "baseline", "model", "id", "modules", "per")}
    text = f"schema = {toml(value) if put['schema'] else 1}\n"
    text += f"baseline = {toml(value)}\n" if put["baseline"] else ""
    text += f"[models.net]\nmodel = {toml(value) if put['model'] else json.dumps('x')}\n"
    text += f"[[budgets]]\nid = {toml(value) if put['id'] else json.dumps('x')}\n"
    text += f"modules = {toml(value)}\n" if put["modules"] else 'modules = ["**"]\n'
    text += f"per = {toml(value)}\n" if put["per"] else ""
    limit = f"{{ max = {toml(value)} }}" if key == "max" else toml(value)
    text += f"macs = {limit if key in {'macs', 'max'} else '{ max = 7 }'}\n"
    try:
        found = parsed(text)
    except UsageError:
        return
    assert isinstance(found.budgets[0].limits[0].max, int) or key == "macs"
