"""Reading in one process while another one writes: for what cannot be read in parts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from synapse_hooks.conversion.stream import Passed, Stream
from synapse_hooks.conversion.workers import send, workers
from synapse_hooks.data import Sample
from synapse_hooks.data.batch import Batch, gather

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


class ReadAhead:
    """A stream whose blocks come from a process of their own, in the same order.

    Args:
        stream: What that process reads.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.passed = Passed()
        """What was read, once the last block was taken."""

    def samples(self) -> Iterator[list[Sample]]:
        """See `Stream.samples`."""
        with workers([partial(_read, self._stream)]) as (reading,):
            while not isinstance(content := reading.receive(), Passed):
                yield content
            self.passed = content

    def finish(self) -> Passed:
        """See `Stream.finish`."""
        return self.passed

    def batches(self, first: int = 0, last: int | None = None) -> Iterator[Batch]:
        """See `Stream.batches`; always all of them."""
        yield from map(gather, self.samples())


def _read(stream: Stream, connection: Connection) -> None:
    for block in stream.samples():
        send(connection, block)
    send(connection, stream.finish())
