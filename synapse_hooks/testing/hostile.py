"""What must hold however wrong a dataset is, and an attempt at one that sees whether it does.

- **No traceback**: whatever ends a reading or a conversion is a `SynapseHooksError` with a sentence.
- **No hang**: it ends in seconds, and in bounded memory. A `Sandbox` watches both.
- **Nothing half-written**: a conversion's folder is absent or complete, nothing lies beside it, and the source is as
  it was.

What arrives must add up besides: every annotation that was read is written, converted or dropped.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.reader import FormatReader, open_reader, reading
from synapse_hooks.data import LossReport
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.formats import BUILTIN, Format
from synapse_hooks.formats.guess import locate_dataset
from synapse_hooks.plugins import HookCalls
from synapse_hooks.testing.converting import Converted, builtin_format, convert_dataset, hook_calls
from synapse_hooks.testing.mutation.places import OUTSIDE

_LONGEST = 20_000
"""Characters that a message may have: a dataset's own text is quoted in part."""


class Violation(NamedTuple):
    """A promise that was broken."""

    promise: str
    """`traceback`, `hang`, `crash`, `memory`, `half-written` or `lost`."""
    where: str
    """What was being done: `recognise`, `read`, `inspect`, `convert to yolo`."""
    what: str
    """A sentence."""
    trace: str = ''
    """The traceback, where there is one."""

    def __str__(self) -> str:
        return f'{self.promise} ({self.where}): {self.what}' + (f'\n{self.trace.rstrip()}' if self.trace else '')


class Attempt:
    """Reads, inspects and converts a dataset that may be wrong, and tells which promises that breaks.

    Args:
        format: The format that the dataset should have.
        others: Formats that take part besides it and the built-in ones.
    """

    def __init__(self, format: Format, others: Sequence[Format] = ()) -> None:
        self.format = format
        self.formats = {known.name: known for known in (*map(builtin_format, BUILTIN), *others, format)}
        self.calls: HookCalls = hook_calls(*others, format)
        # It needs numpy, which the kit does not. A process aside has it before its memory is limited.
        import synapse_hooks.insight as insight

        self.insight = insight

    def __call__(self, source: Path, target: str, out: Path, *, html: bool = False) -> list[Violation]:
        """Do all of it.

        Args:
            source: The dataset.
            target: The format to convert it into.
            out: The folder to make, in a folder of its own.
            html: Whether the page of `inspect` is made too, which opens the images, and takes longest.

        Returns:
            The promises that were broken; empty where all hold.
        """
        found: list[Violation] = []
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.parent / 'temporary'
        temporary.mkdir()
        before, tempfile.tempdir = _state(source), str(temporary)
        try:
            self._guarded(found, 'recognise', lambda: self._recognise(source))
            seen = self._guarded(found, 'read', lambda: self._read(source, found))
            self._guarded(found, 'inspect', lambda: self._inspect(source, html))
            where = f'convert to {target}'
            made = self._guarded(found, where, lambda: self._convert(source, target, out))
        finally:
            tempfile.tempdir = None
        if seen is not None and made is not None:
            found += self._completeness(made, seen, where)
        left = sorted(set(os.listdir(out.parent)) - {'temporary', *([] if made is None else [out.name])})
        left += sorted(os.listdir(temporary))
        if left:
            found.append(Violation('half-written', where, f'it left {left[:5]}'))
        if _state(source) != before:
            found.append(Violation('half-written', where, 'it changed its source'))
        return found

    def _guarded(self, found: list[Violation], where: str, do: Callable[[], Any]) -> Any:
        """What `do` returns; None where it ends in an error, which should be one of ours."""
        try:
            return do()
        except MemoryError:
            found.append(
                Violation('memory', where, 'it takes more memory than it may', traceback.format_exc(limit=-12))
            )
        except SynapseHooksError as error:
            text = str(error)
            if not error.problem.strip():
                found.append(
                    Violation('traceback', where, f'a {type(error).__name__} says nothing', traceback.format_exc())
                )
            if len(text) > _LONGEST:
                found.append(Violation('traceback', where, f'a message of {len(text):,} characters: {text[:300]}'))
        except BaseException as error:
            what = f'{type(error).__name__}: {str(error)[:300]}'
            found.append(Violation('traceback', where, what, traceback.format_exc(limit=-12)))
        return None

    def _recognise(self, source: Path) -> None:
        with reading(source):
            locate_dataset(source, self.formats.values())

    def _reader(self, source: Path) -> FormatReader:
        reader = open_reader(self.calls, self._dataset(source))
        assert isinstance(reader, FormatReader)
        reader.tolerance = 'skip'
        return reader

    def _dataset(self, source: Path) -> Dataset:
        return {'path': source, 'format': self.format.name}

    def _read(self, source: Path, found: list[Violation]) -> LossReport:
        """What there is, as written, and what the reader could not carry."""
        reader = self._reader(source)
        samples = list(reader)
        report = LossReport()
        report.merge(reader.report)
        report.written_kinds.update(annotation.kind for sample in samples for annotation in sample.annotations)
        # As text: a number that is none equals nothing.
        if list(map(repr, samples)) != list(map(repr, reader)):
            found.append(Violation('lost', 'read', 'reading it twice gives different samples'))
        return report

    def _inspect(self, source: Path, html: bool) -> None:
        reader = self._reader(source)
        inspection = self.insight.inspect_dataset(reader, self._dataset(source), shown=8 if html else 0)
        inspection.to_dict()
        if html:
            self.insight.page(inspection)

    def _convert(self, source: Path, target: str, out: Path) -> Any:
        with reading(source):
            return convert_dataset(self._dataset(source), target, out, calls=self.calls, unreadable='skip')

    def _completeness(self, made: Converted, seen: LossReport, where: str) -> list[Violation]:
        """What was written can be read, and adds up with what was `seen`."""
        reader = open_reader(self.calls, made.dataset)
        assert isinstance(reader, FormatReader)
        reader.tolerance = 'skip'
        try:
            total = sum(len(sample.annotations) for sample in reader)
        except Exception as error:
            what = f'what it wrote cannot be read: {error}'
            return [Violation('half-written', where, what, traceback.format_exc(limit=-12))]
        found = []
        if unread := reader.report.unreadable_items:
            found.append(Violation('half-written', where, f'it cannot read what it wrote: {unread}'))
        # Joints become skeletons: then another kind is counted, and fewer of it.
        joined = {'keypoint', 'keypoints'}.intersection(seen.written_kinds)
        # A conversion may not look at what made a document unreadable.
        alike = seen.unreadable_count == made.losses['unreadable']['count'] and not joined
        before, after = _accounted(seen.to_dict()), _accounted(made.losses)
        if alike and before != after:
            found.append(Violation('lost', where, f'{before} annotations were read, and {after} are accounted for'))
        dropped = _dropped(made.losses, seen) - _dropped(seen.to_dict(), seen)
        written = seen.written_kinds.total() - dropped
        if alike and total < written:
            found.append(Violation('lost', where, f'{written} annotations should be there, and there are {total}'))
        outside = made.path.parent.parent / OUTSIDE
        for file in made.path.rglob('*') if outside.exists() else ():
            if file.exists() and file.samefile(outside):
                found.append(Violation('half-written', where, f'{file.name} is a file from outside of the dataset'))
        return found


def _accounted(losses: dict[str, Any]) -> int:
    ends = [*losses['converted'], *losses['dropped']]
    counts = [*losses['written'].values(), *(loss['count'] for loss in ends if loss['kind'] not in ('image', 'file'))]
    return sum(map(int, counts))


def _dropped(losses: dict[str, Any], seen: LossReport) -> int:
    return sum(int(loss['count']) for loss in losses['dropped'] if loss['kind'] in seen.written_kinds)


def _state(folder: Path) -> list[tuple[str, int, int, int]]:
    """Every file and folder below a folder, with what changes when it is written to."""
    found = []
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            file = f'{root}{os.sep}{name}'
            state = os.lstat(file)
            found.append((file, state.st_mode, state.st_size, state.st_mtime_ns))
    return sorted(found)
