"""Reading in one process while another one writes: for sources with one shard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from synapse_hooks.conversion.pipeline import Pipeline, ReadResult
from synapse_hooks.conversion.workers import send, workers
from synapse_hooks.data.batch import Batch

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


class ReadAhead:
    """A pipeline whose batches come from a process of their own, in the same order.

    Args:
        pipeline: What that process reads.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._result = ReadResult()

    def batches(self, shards: Sequence[Any] | None = None) -> Iterator[Batch]:
        """See `Pipeline.batches`; always all of them."""
        with workers([partial(_read, self._pipeline)]) as (reading,):
            while not isinstance(content := reading.receive(), ReadResult):
                yield content
            self._result = content

    def finish(self) -> ReadResult:
        """What was read, once the last batch was taken."""
        return self._result


def _read(pipeline: Pipeline, connection: Connection) -> None:
    for batch in pipeline.batches():
        send(connection, batch)
    send(connection, pipeline.finish())
