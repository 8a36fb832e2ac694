"""Work that a forward gives to other threads, which a trace of one thread does not follow.

It is named as unknown where it is given away, so that it is never nothing in silence.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from costlab.tracing.calls import Interception

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.tracing.calls import Handler
    from costlab.tracing.recorder import Recorder

GIVING = {
    "threading.Thread.start": Interception("start", threading.Thread),
    "ThreadPoolExecutor.submit": Interception("submit", ThreadPoolExecutor),
}
"""What hands work to another thread, by the name under which it is told."""


def given_away(recorder: Recorder) -> Iterator[tuple[Interception, Handler]]:
    """What has the recorder name work that this thread hands to another one."""
    for name, interception in GIVING.items():

        def told(call: Any, worker: Any, args: Any, kwargs: Any, name: str = name) -> Any:
            recorder.unknown(name)
            return call(worker, *args, **kwargs)

        yield interception, told
