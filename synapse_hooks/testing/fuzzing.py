"""Fuzzing of formats: random changes of a valid dataset, each checked for robustness."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from synapse_hooks.formats import BaseFormat
from synapse_hooks.testing.mutation import OUTSIDE, mutate
from synapse_hooks.testing.robustness import RobustnessCheck, Violation
from synapse_hooks.testing.sandbox import Sandbox, WorkerDied

TARGETS = ('dm', 'coco', 'yolo')
"""The target formats of conversions."""


@dataclass(frozen=True)
class FuzzResult:
    """The result for one mutated dataset."""

    source: Path
    """The dataset; the next call removes it."""
    edits: list[str]
    """The changes."""
    target: str
    """The format that it was converted to."""
    findings: list[Violation]
    """The violations that were found."""

    def __str__(self) -> str:
        lines = ['the dataset was changed:', *(f'  {edit}' for edit in self.edits)]
        reported: set[str] = set()
        for finding in self.findings:
            # Reading, inspecting and converting often fail at the same line.
            lines.append(str(finding._replace(trace='') if finding.what in reported else finding))
            reported.add(finding.what)
        return '\n'.join(line.encode(errors='backslashreplace').decode() for line in lines)


class Fuzzer:
    """Changes a valid dataset at random, and checks the rules of `synapse_hooks.testing.robustness`.

    The checks run in a separate process, which may hang or crash.

    Args:
        format: The format of the dataset.
        dataset: The valid dataset: small, since it is copied each time.
        folder: A folder to work in.
        others: Formats to use besides it and the built-in ones.
        seconds: The CPU time that one dataset may take; the wall-clock limit is six times as much.
        memory: How many bytes one dataset may take.

    Example:
        >>> from synapse_hooks.formats.dm import DmFormat
        >>> from synapse_hooks.testing import small_dataset
        >>> folder = getfixture('tmp_path')
        >>> with Fuzzer(DmFormat(), small_dataset(folder / 'data')['path'], folder) as fuzzer:
        ...     result = fuzzer(Random(1))
        >>> result.findings
        []
    """

    def __init__(
        self,
        format: BaseFormat,
        dataset: Path,
        folder: Path,
        *,
        others: Sequence[BaseFormat] = (),
        seconds: float = 5.0,
        memory: int = 300 << 20,
    ) -> None:
        self.dataset = dataset
        self.folder = folder / 'tried'
        self.targets = [name for name in TARGETS if name != format.name]
        folder.mkdir(parents=True, exist_ok=True)
        self._sandbox = Sandbox(RobustnessCheck(format, others), folder, seconds=seconds, memory=memory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sandbox.stop()

    def __call__(self, random: Random, edits: int | None = None) -> FuzzResult:
        """Try one dataset.

        Args:
            random: Chooses the changes and the target format.
            edits: How many changes; None for a random number.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        source, target = self.folder / self.dataset.name, random.choice(self.targets)
        shutil.copytree(self.dataset, source, symlinks=True)
        (self.folder / OUTSIDE).write_text('{"secret": true}')
        changes, html = mutate(source, random, edits), random.randrange(8) == 7
        try:
            findings = self._sandbox(source, target, self.folder / 'made' / 'out', html=html)
        except WorkerDied as error:
            findings = [
                Violation('hang' if error.how == 'hang' else 'crash', f'reading, or converting to {target}', str(error))
            ]
        if findings:
            # A new process, so that memory in use after a failure does not count for the next dataset.
            self._sandbox.stop()
        return FuzzResult(source, changes, target, findings)
