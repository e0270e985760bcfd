"""Label Studio for synapse-hooks: the JSON export of a project, read and written; and datasets from its server.

    tasks.json          a list of tasks, as "JSON" in Label Studio's export, or as the API answers
    images/...          its images, found by the end of their paths

Rules: https://labelstud.io/guide/export and https://labelstud.io/guide/task_format, and what a server of version 1.23
answers.

tasks.py -> reading.py      tasks, and the results of an annotation
            writing.py      the same the other way round
            brush.py        masks
settings.py -> server.py -> images.py -> plugin.py     the hook `export`
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote, unquote

import msgspec

from synapse_hooks.data import MEASURED, SPLITS, SUFFIXES, DatasetInfo, Sample, image_size
from synapse_hooks.errors import ConfigError, DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Fitter, Format, ImageLookup
from synapse_hooks.storage import TABLE_LIMIT, read_head
from synapse_hooks_labelstudio.reading import read_results
from synapse_hooks_labelstudio.tasks import (
    NOT_ANNOTATED,
    Result,
    Task,
    looks_flat,
    looks_like_tasks,
    raw_tasks,
    read_tasks,
)
from synapse_hooks_labelstudio.writing import ResultWriter

__all__ = ['LabelStudioFormat']

TASKS: Final = 'tasks.json'
INTERFACE: Final = 'interface.xml'
IMAGES: Final = 'images'
_LOCAL_FILES: Final = '/data/local-files/?d='
_UPLOADED: Final = re.compile(r'(?<=/)[0-9a-f]{8}-(?=[^/]+\Z)')
"""What Label Studio puts before the name of a file that is uploaded."""
_WITHOUT_PREFIX: Final = 'its name has the prefix of an upload: the only image with the name behind it is used'
_HEAD: Final = 1 << 16
_FIRST: Final = 20
_WRITTEN_AS: Final = ('annotations', 'predictions')
_SETTINGS: Final = '[tool.synapse_hooks.settings.labelstudio]'


class LabelStudioFormat(Format):
    """The JSON export of a project, in a folder with its images."""

    name: ClassVar[str] = 'labelstudio'
    version: ClassVar[str] = '1'

    def recognise(self, path: Path) -> bool:
        """A JSON file with a list of tasks, or a folder with one in it."""
        files = [path] if path.is_file() else islice(sorted(path.glob('[!.]*.json')), _FIRST)
        for file in files:
            head = read_head(file, _HEAD) if file.suffix.lower() == '.json' else b''
            if looks_like_tasks(head):
                return True
            if looks_flat(head):
                raise DatasetInvalid(
                    f'{file} is an export as JSON-MIN, which leaves out tasks and sizes',
                    hint='export the project as JSON',
                    path=str(file),
                )
        return False

    def read(self, path: Path) -> Iterator[Sample]:
        """In the order of the tasks. A task that was not annotated is left out, and counted."""
        root = path.parent if path.is_file() else path
        files = [path] if path.is_file() else sorted(path.glob('[!.]*.json'))
        exports = [file for file in files if path.is_file() or looks_like_tasks(read_head(file, _HEAD))]
        if not exports:
            raise DatasetInvalid(
                f'{path} is not an export of Label Studio: no JSON file in it has a list of tasks',
                hint='export the project as JSON, into the folder of its images',
                path=str(path),
            )
        raws = [(file, raw_tasks(self.read_file(file, limit=TABLE_LIMIT), file)) for file in exports]
        lookup = ImageLookup(root, [name for file, tasks in raws for name in _images(read_tasks(tasks, file))])
        for file, tasks in raws:
            for task in read_tasks(tasks, file):
                try:
                    if isinstance(task, UnreadableItem):
                        raise task
                    sample = self._sample(root, file, task, lookup)
                except UnreadableItem as error:
                    self.skip(error)
                else:
                    if sample is not None:
                        yield sample

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        """Tasks to import, the images, and the labelling interface of a project for them."""
        prefix = self._setting('prefix', _LOCAL_FILES)
        written_as = self._setting('write', _WRITTEN_AS[0])
        if written_as not in _WRITTEN_AS:
            raise ConfigError(
                f'{_SETTINGS}: write must be {" or ".join(_WRITTEN_AS)}, got {written_as!r}', hint='correct it'
            )
        fitter = Fitter(self.report, 'Label Studio', crowds=True, keeps=None)
        writer = ResultWriter(fitter)
        with (out / TASKS).open('wb') as file:
            file.write(b'[')
            for number, sample in enumerate(_with_images(samples, self)):
                image = (
                    f'{IMAGES}/{sample.split}/{sample.file_name}' if sample.split else f'{IMAGES}/{sample.file_name}'
                )
                self.link_image(sample, out / image)
                file.write(b',\n' if number else b'\n')
                task = _task(sample, prefix + quote(image), writer.results(sample), written_as)
                file.write(msgspec.json.encode(task))
            file.write(b'\n]\n')
        (out / INTERFACE).write_text(writer.interface(info.classes or ()), encoding='utf-8')
        return out / TASKS

    def _setting(self, name: str, default: str) -> str:
        value = self.options.settings.get(name, default)
        if not isinstance(value, str):
            raise ConfigError(f'{_SETTINGS}: {name} must be text, got {value!r}', hint='correct it')
        return value

    def _sample(self, root: Path, file: Path, task: Task, lookup: ImageLookup) -> Sample | None:
        annotated = task.count_annotations(self.report)
        if annotated is None:
            self.report.dropped('image', NOT_ANNOTATED, task.name)
            return None
        try:
            image = self._image(root, task, lookup)
        except (LookupError, ValueError) as error:
            hint = 'put the image into the folder of the export'
            raise UnreadableItem(f'{file}, {task.name}: {error}', hint=hint, path=str(file)) from error
        split = task.data.get('split')
        place = image.relative_to(root).with_suffix('').as_posix().removeprefix(f'{IMAGES}/')
        sample = Sample(place, image, split=split if split in SPLITS else None)
        if sample.split:
            sample.id = place.removeprefix(f'{sample.split}/')
        if sample.suffix.lower() in MEASURED:
            sample.width, sample.height = image_size(image)
        else:
            sample.width, sample.height = _declared_size(annotated.result)
        sample.annotations = read_results(annotated.result, sample, self.report)
        return sample

    def _image(self, root: Path, task: Task, lookup: ImageLookup) -> Path:
        """The image of a task, never one outside of the dataset."""
        name = task.image
        place = Path(unquote(name.removeprefix(_LOCAL_FILES)))
        if place.suffix.lower() in SUFFIXES and not place.is_absolute() and '..' not in place.parts:
            # A name may be longer than any disk allows.
            with suppress(OSError, ValueError):
                if (root / place).is_file():
                    return root / place
        try:
            # That its path is one of a server is not a fault.
            return Path(lookup.find(name).file)
        except LookupError:
            plain = _UPLOADED.sub('', name)
            if plain == name:
                raise
            found = Path(lookup.find(plain).file)
        self.report.repaired('image', _WITHOUT_PREFIX, task.name, found.name)
        return found


def _images(tasks: Iterator[Task | UnreadableItem]) -> Iterator[str]:
    for task in tasks:
        if isinstance(task, Task):
            try:
                yield task.image
            except ValueError:
                continue


def _with_images(samples: Iterator[Sample], format: Format) -> Iterator[Sample]:
    for sample in samples:
        if reason := sample.without_image:
            format.report.dropped_item(sample, reason)
        else:
            yield sample


def _task(sample: Sample, image: str, results: list[Result], written_as: str) -> dict[str, Any]:
    split = {'split': sample.split} if sample.split else {}
    made = (
        {'result': results} if written_as == _WRITTEN_AS[0] else {'model_version': 'synapse-hooks', 'result': results}
    )
    return {'data': {'image': image, **split}, written_as: [made]}


def _declared_size(results: list[Any]) -> tuple[int, int]:
    """The size of an image whose header is not read here, as its results say it; 0, 0 where they do not."""
    for result in results:
        if isinstance(result, dict):
            width, height = result.get('original_width'), result.get('original_height')
            if type(width) is int and type(height) is int and width > 0 and height > 0:
                return width, height
    return 0, 0
