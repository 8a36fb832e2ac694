"""The blocks of code in a Markdown page."""

import re

_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    """The code of each block in this language, in the order of the page."""
    return [found["code"] for found in _BLOCK.finditer(page) if found["language"] == language]
