"""What a conversion writes to: it makes the sinks, each with a loss report of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_hooks.conversion.checked import CheckedSink
from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import LossReport

if TYPE_CHECKING:
    from synapse_hooks.formats.base import BaseFormat


@dataclass(frozen=True)
class Target:
    """A format, where it is written, and how."""

    format: BaseFormat
    out: Path
    options: Options

    def sink(self) -> tuple[CheckedSink, LossReport]:
        """A sink, and where it reports what cannot be expressed."""
        context = WriteContext(self.out, self.options)
        return CheckedSink(self.format.sink(context), self.format.name, self.out), context.report
