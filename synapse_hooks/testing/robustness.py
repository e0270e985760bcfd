"""The rules that hold for any invalid dataset, and a check of them.

- **No traceback**: reading and converting raise only a `SynapseHooksError` with a message.
- **No hang**: they end in seconds, and in bounded memory. A `Sandbox` enforces both.
- **No partial output**: the folder of a conversion is absent or complete, no other files are left, and the source is
  unchanged.

The counts must match too: every annotation that was read is written, converted or dropped.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.reader import FormatReader, explain_os_errors, open_reader
from synapse_hooks.data import LossReport
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.formats import BUILTIN, BaseFormat
from synapse_hooks.formats.guess import locate_dataset
from synapse_hooks.plugins import HookCalls
from synapse_hooks.testing.conversion import ITEM_KINDS, Converted, builtin_format, convert_dataset, hook_calls
from synapse_hooks.testing.mutation.files import OUTSIDE

_MAX_MESSAGE = 20_000
"""The longest message, in characters: text of a dataset must be quoted in part only."""


class Violation(NamedTuple):
    """A violation of a rule."""

    promise: str
    """`traceback`, `hang`, `crash`, `memory`, `half-written` or `lost`."""
    where: str
    """The operation: `recognise`, `read`, `inspect`, `convert to yolo`."""
    what: str
    """The message."""
    trace: str = ''
    """The traceback, if there is one."""

    def __str__(self) -> str:
        return f'{self.promise} ({self.where}): {self.what}' + (f'\n{self.trace.rstrip()}' if self.trace else '')


class RobustnessCheck:
    """Reads, inspects and converts a dataset that may be invalid, and returns the violations.

    Args:
        format: The format of the dataset.
        others: Formats to use besides it and the built-in ones.
    """

    def __init__(self, format: BaseFormat, others: Sequence[BaseFormat] = ()) -> None:
        self.format = format
        self.formats = {known.name: known for known in (*map(builtin_format, BUILTIN), *others, format)}
        self.calls: HookCalls = hook_calls(*others, format)
        # It imports numpy, unlike the rest of the kit: here, before the memory of the process is limited.
        import synapse_hooks.insight as insight

        self.insight = insight

    def __call__(self, source: Path, target: str, out: Path, *, html: bool = False) -> list[Violation]:
        """Run all checks.

        Args:
            source: The dataset.
            target: The format to convert it into.
            out: The folder to create, in a folder of its own.
            html: Whether to make the page of `inspect` too, which opens the images, and takes longest.

        Returns:
            The violations; empty if there are none.
        """
        violations: list[Violation] = []
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.parent / 'temporary'
        temporary.mkdir()
        before, tempfile.tempdir = _state(source), str(temporary)
        try:
            self._checked(violations, 'recognise', lambda: self._recognise(source))
            read_report = self._checked(violations, 'read', lambda: self._read(source, violations))
            self._checked(violations, 'inspect', lambda: self._inspect(source, html))
            where = f'convert to {target}'
            converted = self._checked(violations, where, lambda: self._convert(source, target, out))
        finally:
            tempfile.tempdir = None
        if read_report is not None and converted is not None:
            violations += self._check_completeness(converted, read_report, where)
        left = sorted(set(os.listdir(out.parent)) - {'temporary', *([] if converted is None else [out.name])})
        left += sorted(os.listdir(temporary))
        if left:
            violations.append(Violation('half-written', where, f'it left {left[:5]}'))
        if _state(source) != before:
            violations.append(Violation('half-written', where, 'it changed its source'))
        return violations

    def _checked(self, violations: list[Violation], where: str, do: Callable[[], Any]) -> Any:
        """The result of `do`; None if it raises. Any error but a SynapseHooksError with a message is a violation."""
        try:
            return do()
        except MemoryError:
            violations.append(
                Violation('memory', where, 'it exceeds the memory limit', traceback.format_exc(limit=-12))
            )
        except SynapseHooksError as error:
            text = str(error)
            if not error.problem.strip():
                violations.append(
                    Violation('traceback', where, f'a {type(error).__name__} has no message', traceback.format_exc())
                )
            if len(text) > _MAX_MESSAGE:
                violations.append(Violation('traceback', where, f'a message of {len(text):,} characters: {text[:300]}'))
        except BaseException as error:
            what = f'{type(error).__name__}: {str(error)[:300]}'
            violations.append(Violation('traceback', where, what, traceback.format_exc(limit=-12)))
        return None

    def _recognise(self, source: Path) -> None:
        with explain_os_errors(source):
            locate_dataset(source, self.formats.values())

    def _reader(self, source: Path) -> FormatReader:
        reader = open_reader(self.calls, self._dataset(source))
        assert isinstance(reader, FormatReader)
        reader.tolerance = 'skip'
        return reader

    def _dataset(self, source: Path) -> Dataset:
        return {'path': source, 'format': self.format.name}

    def _read(self, source: Path, violations: list[Violation]) -> LossReport:
        """The report of reading: every annotation read, as written, and what the reader dropped or changed."""
        reader = self._reader(source)
        samples = list(reader)
        report = LossReport()
        report.merge(reader.report)
        report.written_kinds.update(annotation.kind for sample in samples for annotation in sample.annotations)
        # Compared as text, since NaN is not equal to itself.
        if list(map(repr, samples)) != list(map(repr, reader)):
            violations.append(Violation('lost', 'read', 'reading it twice gives different samples'))
        return report

    def _inspect(self, source: Path, html: bool) -> None:
        reader = self._reader(source)
        inspection = self.insight.inspect_dataset(reader, self._dataset(source), shown=8 if html else 0)
        inspection.to_dict()
        if html:
            self.insight.page(inspection)

    def _convert(self, source: Path, target: str, out: Path) -> Any:
        with explain_os_errors(source):
            return convert_dataset(self._dataset(source), target, out, calls=self.calls, unreadable='skip')

    def _check_completeness(self, converted: Converted, read_report: LossReport, where: str) -> list[Violation]:
        """Check that the result can be read, and that its counts match those of reading."""
        reader = open_reader(self.calls, converted.dataset)
        assert isinstance(reader, FormatReader)
        reader.tolerance = 'skip'
        try:
            total = sum(len(sample.annotations) for sample in reader)
        except Exception as error:
            what = f'what it wrote cannot be read: {error}'
            return [Violation('half-written', where, what, traceback.format_exc(limit=-12))]
        violations = []
        if unread := reader.report.unreadable_items:
            violations.append(Violation('half-written', where, f'it cannot read what it wrote: {unread}'))
        # Joints that become skeletons are counted as another kind, and fewer.
        joined = {'keypoint', 'keypoints'}.intersection(read_report.written_kinds)
        # A conversion may not read the part that makes a document unreadable.
        alike = read_report.unreadable_count == converted.losses['unreadable']['count'] and not joined
        before, after = _accounted(read_report.to_dict()), _accounted(converted.losses)
        if alike and before != after:
            violations.append(
                Violation('lost', where, f'{before} annotations were read, and {after} are accounted for')
            )
        dropped = _dropped(converted.losses, read_report) - _dropped(read_report.to_dict(), read_report)
        written = read_report.written_kinds.total() - dropped
        if alike and total < written:
            violations.append(Violation('lost', where, f'{written} annotations were written, and {total} were read'))
        outside = converted.path.parent.parent / OUTSIDE
        for file in converted.path.rglob('*') if outside.exists() else ():
            if file.exists() and file.samefile(outside):
                violations.append(
                    Violation('half-written', where, f'{file.name} is a file from outside of the dataset')
                )
        return violations


def _accounted(losses: dict[str, Any]) -> int:
    ends = [*losses['converted'], *losses['dropped']]
    counts = [*losses['written'].values(), *(loss['count'] for loss in ends if loss['kind'] not in ITEM_KINDS)]
    return sum(map(int, counts))


def _dropped(losses: dict[str, Any], read_report: LossReport) -> int:
    return sum(int(loss['count']) for loss in losses['dropped'] if loss['kind'] in read_report.written_kinds)


def _state(folder: Path) -> list[tuple[str, int, int, int]]:
    """Every file and folder below a folder, with mode, size and modification time."""
    violations = []
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            file = f'{root}{os.sep}{name}'
            state = os.lstat(file)
            violations.append((file, state.st_mode, state.st_size, state.st_mtime_ns))
    return sorted(violations)
