"""The published JSON Schemas: what each document that costlab writes holds, key by key.

A schema is a file beside this one, `report-1.json` for `costlab.report/1`; to publish another, put
it there. Nothing here checks a document: any validator of draft 2020-12 does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from costlab.errors import UsageError, did_you_mean

FOLDER = Path(__file__).parent


def published() -> tuple[str, ...]:
    """The ids of the schemas.

    >>> "costlab.report/1" in published()
    True
    """
    return tuple(sorted(f"costlab.{path.stem.replace('-', '/')}" for path in FOLDER.glob("*.json")))


def text_of(name: str) -> str:
    """The schema as it is published, in JSON; `costlab.` in front of its id may be left out.

    >>> text_of("report/1") == text_of("costlab.report/1")
    True

    Raises:
        UsageError: no schema has this id; the message proposes the nearest.
    """
    known = published()
    given = f"costlab.{name.removeprefix('costlab.')}"
    if given not in known:
        message = (
            f"there is no schema {name!r}.{did_you_mean(given, known)} Schemas: {', '.join(known)}"
        )
        raise UsageError(message)
    file = f"{given.removeprefix('costlab.').replace('/', '-')}.json"
    return (FOLDER / file).read_text(encoding="utf-8")


def schema(name: str) -> dict[str, Any]:
    """The schema as plain data, as a validator takes it.

    >>> schema("costlab.report/1")["properties"]["schema"]
    {'const': 'costlab.report/1'}

    Raises:
        UsageError: no schema has this id.
    """
    found: dict[str, Any] = json.loads(text_of(name))
    return found
