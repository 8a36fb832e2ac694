"""Where readings get their numbers: networks of the zoo, traced once however many readings ask.

It knows no claim. Another catalogue can be given, so that a test may judge a network that is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab import skeleton, zoo
from costlab.analysis import report_on
from costlab.tracing import trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from costlab.graph import Graph
    from costlab.report import Report

Key = tuple[str, str, tuple[int, ...], tuple[tuple[str, object], ...]]


class Lab:
    """Traces networks, and remembers what came out."""

    def __init__(self, catalogue: Mapping[str, zoo.Network] | None = None) -> None:
        self.catalogue = catalogue if catalogue is not None else zoo.CATALOGUE
        self._models: dict[tuple[str, tuple[tuple[str, object], ...]], nn.Module] = {}
        self._reports: dict[Key, Report] = {}
        self._graphs: dict[Key, Graph] = {}

    def report(
        self,
        name: str,
        *,
        mode: str = "eval",
        shape: tuple[int, ...] | None = None,
        **arguments: object,
    ) -> Report:
        """The report on a network of the zoo, for one image of its own or another shape.

        `shape` is that of the image, without the batch; further arguments build the network.
        """
        key = self._key(name, mode, shape, arguments)
        if key not in self._reports:
            graph = self.graph(name, mode=mode, shape=shape, **arguments)
            self._reports[key] = report_on(graph, name, mode)
        return self._reports[key]

    def graph(
        self,
        name: str,
        *,
        mode: str = "eval",
        shape: tuple[int, ...] | None = None,
        **arguments: object,
    ) -> Graph:
        """The traced graph of a network of the zoo, for readings that follow its edges."""
        key = self._key(name, mode, shape, arguments)
        if key not in self._graphs:
            model = self.model(name, **arguments)
            self._graphs[key] = trace(model, _spec(key[2]), mode=mode)
        return self._graphs[key]

    def model(self, name: str, **arguments: object) -> nn.Module:
        """The network itself, without weights; it is not to be changed."""
        key = name, tuple(sorted(arguments.items()))
        if key not in self._models:
            network = self.catalogue[name]
            self._models[key] = skeleton.build(lambda: network.build(**arguments))
        return self._models[key]

    def _key(
        self, name: str, mode: str, shape: tuple[int, ...] | None, arguments: Mapping[str, object]
    ) -> Key:
        default = self.catalogue[name].input_shape
        return name, mode, shape or default, tuple(sorted(arguments.items()))


def _spec(shape: tuple[int, ...]) -> str:
    return f"f32[{','.join(map(str, (1, *shape)))}]"
