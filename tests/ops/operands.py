"""What typical calls are made of: a call, and small operands of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tests.ops.draws import tensor

if TYPE_CHECKING:
    from collections.abc import Callable

Call = tuple["Callable[..., Any]", tuple[Any, ...], dict[str, Any]]


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Call:
    """A function and its arguments."""
    return function, args, kwargs


IMAGES = {1: tensor(2, 4, 9), 2: tensor(2, 4, 9, 9), 3: tensor(2, 4, 9, 9, 9)}
MATRIX, VECTOR, BATCH = tensor(3, 4), tensor(4), tensor(2, 3, 4)
HALVES = MATRIX / 2
CLASSES = torch.zeros(len(MATRIX), dtype=torch.long)
SQUARE, WHOLE = tensor(4, 4), tensor(3, 4, dtype=torch.int64)
PLACES = torch.zeros(3, 4, dtype=torch.int64)
ROWS = torch.zeros(3, dtype=torch.int64)
CHANNELS = tensor(4)
EIGHTHS = tensor(16, 16).to(torch.float8_e4m3fn)
