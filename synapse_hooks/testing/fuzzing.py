"""Trying datasets that are wrong, one after another: each is a copy of a valid one with something changed in it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from synapse_hooks.formats import Format
from synapse_hooks.testing.hostile import Attempt, Violation
from synapse_hooks.testing.mutation import OUTSIDE, mutate
from synapse_hooks.testing.sandbox import Died, Sandbox

TARGETS = ('dm', 'coco', 'yolo')
"""What a dataset is converted into, unless it has that format."""


@dataclass(frozen=True)
class Tried:
    """One dataset that was tried."""

    source: Path
    """The dataset: it is there while something is wrong with it, else until the next one."""
    edits: list[str]
    """What was changed in it."""
    target: str
    """What it was converted into."""
    findings: list[Violation]
    """The promises that were broken."""

    def __str__(self) -> str:
        lines = ['the dataset was changed:', *(f'  {edit}' for edit in self.edits)]
        told: set[str] = set()
        for finding in self.findings:
            # Reading, inspecting and converting often end at the same place.
            lines.append(str(finding._replace(trace='') if finding.what in told else finding))
            told.add(finding.what)
        return '\n'.join(line.encode(errors='backslashreplace').decode() for line in lines)


class Fuzzer:
    """Changes a valid dataset at random and sees whether the promises of `synapse_hooks.testing.hostile` hold.

    Everything is tried in a process aside, which may hang or die.

    Args:
        format: The format of the dataset.
        dataset: The valid dataset: small, since it is copied each time.
        folder: A folder to work in.
        others: Formats that take part besides it and the built-in ones.
        seconds: How much of a processor's time one dataset may take; six times as much by the clock.
        memory: How many bytes one dataset may take.

    Example:
        >>> from synapse_hooks.formats.dm import DmFormat
        >>> from synapse_hooks.testing import small_dataset
        >>> folder = getfixture('tmp_path')
        >>> with Fuzzer(DmFormat(), small_dataset(folder / 'data')['path'], folder) as fuzzer:
        ...     tried = fuzzer(Random(1))
        >>> tried.findings
        []
    """

    def __init__(
        self,
        format: Format,
        dataset: Path,
        folder: Path,
        *,
        others: Sequence[Format] = (),
        seconds: float = 5.0,
        memory: int = 300 << 20,
    ) -> None:
        self.dataset = dataset
        self.folder = folder / 'tried'
        self.targets = [name for name in TARGETS if name != format.name]
        folder.mkdir(parents=True, exist_ok=True)
        self._sandbox = Sandbox(Attempt(format, others), folder, seconds=seconds, memory=memory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sandbox.end()

    def __call__(self, random: Random, edits: int | None = None) -> Tried:
        """Try one dataset.

        Args:
            random: Decides what is changed, and what the dataset is converted into.
            edits: How many changes; None leaves that to `random`.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        source, target = self.folder / self.dataset.name, random.choice(self.targets)
        shutil.copytree(self.dataset, source, symlinks=True)
        (self.folder / OUTSIDE).write_text('{"secret": true}')
        changes, html = mutate(source, random, edits), random.randrange(8) == 7
        try:
            findings = self._sandbox(source, target, self.folder / 'made' / 'out', html=html)
        except Died as died:
            findings = [
                Violation('hang' if died.how == 'hang' else 'crash', f'reading, or converting to {target}', str(died))
            ]
        if findings:
            # What it holds of a failure would be held against the next one.
            self._sandbox.end()
        return Tried(source, changes, target, findings)
