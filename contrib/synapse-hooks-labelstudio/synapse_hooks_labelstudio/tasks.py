"""The tasks of a JSON export, and which of their annotations count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks.data import LossReport, is_image_name
from synapse_hooks.errors import DatasetInvalid, UnreadableItem

Result = dict[str, Any]

OTHERS: Final = 'the task has several annotations: the ground truth is read, else the one that was changed last'
CANCELLED: Final = 'its annotation was cancelled, or its task skipped'
PREDICTED: Final = 'predictions are not read'
NOT_ANNOTATED: Final = 'its task was not annotated'
_LIST: Final = re.compile(rb'\A(?:\xef\xbb\xbf)?\s*\[\s*\{')
_TASK: Final = re.compile(rb'"(annotations|completions|predictions)"\s*:.*"(result|data)"\s*:', re.DOTALL)
_FLAT: Final = re.compile(rb'"annotation_id"\s*:.*"annotator"\s*:|"annotator"\s*:.*"annotation_id"\s*:', re.DOTALL)
_PATH_KEYS: Final = ('image', 'img', 'url')


class Annotated(msgspec.Struct):
    """One person's work on a task. Of what Label Studio writes, the rest is not needed."""

    result: list[Any] = []
    id: Any = None
    was_cancelled: bool | None = False
    ground_truth: bool | None = False
    updated_at: str | None = ''
    created_at: str | None = ''


class Task(msgspec.Struct):
    """A task, as far as it is read."""

    data: dict[str, Any]
    id: int | str | None = None
    annotations: list[Annotated] | None = None
    completions: list[Annotated] | None = None
    """What annotations were called before Label Studio 1.0."""
    predictions: list[Any] | None = None

    @property
    def name(self) -> str:
        """The task, for a message."""
        return f'task {self.id}' if self.id is not None else 'a task'

    @property
    def image(self) -> str:
        """The path or the address of its image.

        Raises:
            ValueError: There is none, or it is embedded.
        """
        texts = {key: value for key, value in self.data.items() if isinstance(value, str)}
        keys = [*(key for key in _PATH_KEYS if key in texts), *(key for key in texts if _names_image(texts[key]))]
        if not keys:
            raise ValueError(
                f'`data` has no image: expected one of {", ".join(_PATH_KEYS)}, got {", ".join(self.data)}'
            )
        text = texts[keys[0]]
        if text.startswith('data:'):
            raise ValueError('its image is embedded (a data URI), which is not read')
        return text

    def count_annotations(self, report: LossReport) -> Annotated | None:
        """The annotation that is read; None where there is none. The others are counted.

        Args:
            report: Where.
        """
        found = self.annotations or self.completions or []
        usable = [one for one in found if not one.was_cancelled]
        if len(usable) < len(found):
            report.dropped('annotation', CANCELLED, self.name, count=len(found) - len(usable))
        if self.predictions:
            report.dropped('prediction', PREDICTED, self.name, count=len(self.predictions))
        if not usable:
            return None
        best = max(usable, key=lambda one: (bool(one.ground_truth), one.updated_at or one.created_at or ''))
        if len(usable) > 1:
            report.dropped('annotation', OTHERS, self.name, count=len(usable) - 1)
        return best


def looks_like_tasks(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a JSON export."""
    return _LIST.match(head) is not None and _TASK.search(head) is not None


def looks_flat(head: bytes) -> bool:
    """Whether the first bytes of a file are those of an export as JSON-MIN, which leaves out what is needed."""
    return _LIST.match(head) is not None and _FLAT.search(head) is not None


def raw_tasks(content: bytes, file: Path) -> Sequence[msgspec.Raw]:
    """The tasks of a file, each still text.

    Raises:
        DatasetInvalid: It is not a list in JSON.
    """
    try:
        return msgspec.json.decode(content.removeprefix(b'\xef\xbb\xbf'), type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise DatasetInvalid(
            f'{file} is not a list of tasks in JSON: {error}', hint='export the project as JSON again', path=str(file)
        ) from error


def read_tasks(raws: Sequence[msgspec.Raw], file: Path) -> Iterator[Task | UnreadableItem]:
    """Each task, or the error of one that cannot be read."""
    for number, raw in enumerate(raws, 1):
        try:
            yield msgspec.json.decode(raw, type=Task)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            problem = f'{file}, task {number} of the list: {error}'
            yield UnreadableItem(problem, hint='correct or remove it', path=str(file))


def _names_image(text: str) -> bool:
    return is_image_name(text.partition('?')[0]) or is_image_name(text) or text.startswith('data:image/')
