"""The conformance suite finds what it is there to find: each format here breaks one promise."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Literal
from unittest import SkipTest

import msgspec
import pytest

from synapse_hooks.conversion.rows import RowSource
from synapse_hooks.data import Box, DatasetInfo, Sample
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats import (
    BaseSink,
    BaseSource,
    Batch,
    Format,
    ReadContext,
    Source,
    WriteContext,
    WriteResult,
    Written,
)
from synapse_hooks.storage import read_file
from synapse_hooks.testing import FormatConformance

PROMISES = sorted(name for name in dir(FormatConformance) if name.startswith('test_'))


class AcmeBox(msgspec.Struct):
    at: tuple[float, float, float, float]
    label: str
    attributes: dict[str, Any]


class AcmeItem(msgspec.Struct):
    id: str
    image: str
    split: Literal['train', 'valid', 'test'] | None
    boxes: list[AcmeBox]


class AcmeDocument(msgspec.Struct):
    classes: list[str]
    items: list[AcmeItem]


class Good(Format):
    """Boxes in one JSON file, and the images beside it."""

    name = 'acme'

    def declare(self, path: Path) -> DatasetInfo:
        return DatasetInfo(classes=tuple(self.load(path).classes))

    def recognise(self, path: Path) -> bool:
        return (path / 'acme.json').is_file()

    def load(self, path: Path) -> AcmeDocument:
        try:
            return msgspec.json.decode(read_file(path / 'acme.json'), type=AcmeDocument)
        except (OSError, ValueError, RecursionError) as error:
            raise DatasetInvalid(f'{path} has no acme.json that can be read: {error}') from error

    def read(self, path: Path) -> Iterator[Sample]:
        for item in self.load(path).items:
            boxes = [Box(*box.at, label=box.label, attributes=box.attributes) for box in item.boxes]
            yield Sample(item.id, image=path / item.image, split=item.split, annotations=[*boxes])

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        items = [self.item(sample, out) for sample in samples if sample.image is not None or self.drop(sample)]
        file = out / 'acme.json'
        file.write_text(json.dumps({'classes': info.classes, 'items': items}))
        return file

    def item(self, sample: Sample, out: Path) -> dict[str, Any]:
        image = self.place(sample)
        self.link_image(sample, out / image)
        boxes = []
        for shape in sample.annotations:
            if not isinstance(shape, Box):
                self.other(sample, shape)
            elif isfinite(shape.x + shape.y + shape.w + shape.h):
                boxes.append(self.box(sample, shape))
            else:
                self.report.dropped('box', 'a coordinate is not finite', sample.id, shape.id)
        return {'id': sample.id, 'image': image, 'split': sample.split, 'boxes': boxes}

    def place(self, sample: Sample) -> str:
        return f'{sample.split}/{sample.file_name}'

    def box(self, sample: Sample, box: Box) -> dict[str, Any]:
        return {'at': [box.x, box.y, box.w, box.h], 'label': box.label, 'attributes': box.attributes}

    def other(self, sample: Sample, shape: Any) -> None:
        self.report.dropped(shape.kind, 'acme holds boxes', sample.id, shape.id)

    def drop(self, sample: Sample) -> bool:
        self.report.dropped_item(sample, 'acme holds images')
        return False


class TestGood(FormatConformance):
    format = Good()


class DropsInSilence(Good):
    def other(self, sample: Sample, shape: Any) -> None:
        pass


class LosesItems(Good):
    def drop(self, sample: Sample) -> bool:
        for shape in sample.annotations:
            self.report.dropped(shape.kind, 'acme holds images', sample.id, shape.id)
        return False


class CountsTwice(Good):
    def other(self, sample: Sample, shape: Any) -> None:
        super().other(sample, shape)
        super().other(sample, shape)


class MovesBoxes(Good):
    def box(self, sample: Sample, box: Box) -> dict[str, Any]:
        return {**super().box(sample, box), 'at': [box.x + 1, box.y, box.w, box.h]}


class LosesAttributes(Good):
    def box(self, sample: Sample, box: Box) -> dict[str, Any]:
        return {**super().box(sample, box), 'attributes': {}}


class MixesLabels(Good):
    def box(self, sample: Sample, box: Box) -> dict[str, Any]:
        return {**super().box(sample, box), 'label': 'ant'}


class SortsClasses(Good):
    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        file = super().write(samples, info, out)
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, 'classes': sorted(content['classes'])}))
        return file


class SortsClassesOfBatches(SortsClasses):
    """Declares them by its source: there is no `declare` to ask."""

    read = Format.read
    declare = Format.declare

    def source(self, path: Path, context: ReadContext) -> Source:
        return RowSource(SortsClasses().bound(context), path)


class OverwritesImages(Good):
    def place(self, sample: Sample) -> str:
        return Path(sample.file_name).name


class LosesBackground(Good):
    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        file = super().write(samples, info, out)
        content = json.loads(file.read_text())
        content['items'] = [item for item in content['items'] if item['boxes']]
        file.write_text(json.dumps(content))
        return file


class MixesSplits(Good):
    def item(self, sample: Sample, out: Path) -> dict[str, Any]:
        return {**super().item(sample, out), 'split': 'train'}


class IsRandom(Good):
    def item(self, sample: Sample, out: Path) -> dict[str, Any]:
        return {**super().item(sample, out), 'uuid': random.random()}


class SaysWhere(Good):
    def item(self, sample: Sample, out: Path) -> dict[str, Any]:
        return {**super().item(sample, out), 'root': str(out)}


class WritesElsewhere(Good):
    def item(self, sample: Sample, out: Path) -> dict[str, Any]:
        out.with_name('acme.log').write_text('converting')
        return super().item(sample, out)


class WritesBeside(Good):
    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        file = super().write(samples, info, out)
        out.with_name('acme.log').write_text('converted')
        return file


class LeavesParts(Good):
    def sink(self, context: WriteContext) -> BaseSink:
        return PartSink(context)


class PartSink(BaseSink):
    def __init__(self, context: WriteContext) -> None:
        self.context = context

    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        ids = [sample.id for batch in batches for sample in batch.samples]
        (self.context.out / f'{shard}.txt').write_text('\n'.join(ids))
        return WriteResult()

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        return Written()


class ShardSource(BaseSource):
    def __init__(self, format: Good, path: Path) -> None:
        self.samples = list(format.read(path))

    def shards(self) -> Sequence[Any]:
        return [lambda: self.samples]

    def read(self, shard: Any) -> Iterator[Batch]:
        yield Batch.of_samples(shard())


class KeepsFunctions(Good):
    def source(self, path: Path, context: ReadContext) -> Source:
        return ShardSource(self.bound(context), path)


class Remembers(KeepsFunctions):
    def source(self, path: Path, context: ReadContext) -> Source:
        return CountingSource(self.bound(context), path)


class CountingSource(ShardSource):
    seen = 0

    def shards(self) -> Sequence[int]:
        return range(len(self.samples))

    def read(self, shard: int) -> Iterator[Batch]:
        sample = self.samples[shard]
        self.seen += 1
        sample.id = f'{self.seen}'
        yield Batch.of_samples([sample])


class Swallows(Good):
    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        try:
            return super().write(samples, info, out)
        except Exception:
            return out


class ChangesImages(Good):
    def item(self, sample: Sample, out: Path) -> dict[str, Any]:
        found = super().item(sample, out)
        with (out / found['image']).open('ab') as file:
            file.write(b'acme was here')
        return found


class Greedy(Good):
    def recognise(self, path: Path) -> bool:
        return path.is_dir()


class Crashes(Good):
    def load(self, path: Path) -> AcmeDocument:
        return msgspec.json.decode((path / 'acme.json').read_bytes(), type=AcmeDocument)


READINGS = itertools.count()


class Shuffles(Good):
    def read(self, path: Path) -> Iterator[Sample]:
        samples = list(super().read(path))
        first = next(READINGS) % len(samples)
        yield from samples[first:] + samples[:first]


class FailsOnOdd(Good):
    def other(self, sample: Sample, shape: Any) -> None:
        if shape.kind not in ('polygon',):
            raise KeyError(shape.kind)
        super().other(sample, shape)


@pytest.mark.parametrize(
    ('kind', 'broken'),
    [
        (DropsInSilence, 'every_annotation_arrives_or_is_counted'),
        (CountsTwice, 'the_loss_report_adds_up'),
        (MovesBoxes, 'every_annotation_arrives_or_is_counted'),
        (LosesAttributes, 'every_annotation_arrives_or_is_counted'),
        (MixesLabels, 'every_annotation_arrives_or_is_counted'),
        (SortsClasses, 'classes_keep_their_order'),
        (SortsClassesOfBatches, 'classes_keep_their_order'),
        (OverwritesImages, 'images_without_annotations_are_kept'),
        (LosesBackground, 'images_without_annotations_are_kept'),
        (MixesSplits, 'splits_are_kept'),
        (IsRandom, 'the_same_input_gives_the_same_bytes'),
        (SaysWhere, 'the_same_input_gives_the_same_bytes'),
        (WritesElsewhere, 'an_interrupted_write_leaves_nothing'),
        (WritesBeside, 'the_source_is_left_alone'),
        (LeavesParts, 'the_number_of_workers_changes_nothing'),
        (KeepsFunctions, 'shards_are_read_by_themselves'),
        (Remembers, 'shards_are_read_by_themselves'),
        (Swallows, 'an_interrupted_write_leaves_nothing'),
        (ChangesImages, 'the_source_is_left_alone'),
        (Greedy, 'it_recognises_its_own_datasets_only'),
        (Crashes, 'what_is_not_a_dataset_is_refused'),
        (Shuffles, 'reading_twice_gives_the_same'),
        (FailsOnOdd, 'odd_annotations_are_counted_too'),
        (Crashes, 'an_invalid_dataset_raises_an_error_of_the_package'),
    ],
)
def test_a_broken_promise_is_found(kind: type[Good], broken: str, tmp_path: Path) -> None:
    suite = FormatConformance()
    suite.format = kind()  # type: ignore[misc]
    # Where the format itself raises, its own error is what the author sees.
    with pytest.raises({FailsOnOdd: KeyError, OverwritesImages: FileExistsError}.get(kind, AssertionError)):
        getattr(suite, f'test_{broken}')(tmp_path)


@pytest.mark.parametrize(
    ('kind', 'broken', 'told'),
    [
        (
            MovesBoxes,
            'every_annotation_arrives_or_is_counted',
            r"sample 'street/0001', annotation 1 .box '1'.: x 30 came",
        ),
        (LosesAttributes, 'every_annotation_arrives_or_is_counted', r"attribute 'occluded' True came back as nothing"),
        (
            MixesLabels,
            'every_annotation_arrives_or_is_counted',
            r"sample '.*', annotation 1 .*: label '.*' came back as 'ant'",
        ),
        (DropsInSilence, 'every_annotation_arrives_or_is_counted', r"annotation 1 .polygon '1'.: it did not come back"),
        (CountsTwice, 'the_loss_report_adds_up', r"(?s)sample '.*', annotation 1 .polygon '1'.*acme holds boxes"),
        (LosesItems, 'odd_annotations_are_counted_too', r"1 items of the medium 'point_cloud' did not come back"),
        (DropsInSilence, 'odd_annotations_are_counted_too', r"sample 'kinds': 7 annotations came back as 0"),
        (MixesSplits, 'splits_are_kept', r"sample 'street/0001': split 'valid' came back as 'train'"),
        (Shuffles, 'reading_twice_gives_the_same', r"sample '.*' came back as '.*'"),
    ],
)
def test_a_failure_names_sample_and_annotation_before_and_after(
    kind: type[Good], broken: str, told: str, tmp_path: Path
) -> None:
    suite = FormatConformance()
    suite.format = kind()  # type: ignore[misc]
    with pytest.raises(AssertionError, match=told):
        getattr(suite, f'test_{broken}')(tmp_path)


def failures(format: Format, tmp_path: Path) -> set[str]:
    found = set()
    for name in PROMISES:
        suite = FormatConformance()
        suite.format = format  # type: ignore[misc]
        folder = tmp_path / name
        folder.mkdir()
        try:
            getattr(suite, name)(**({} if name == 'test_it_is_a_valid_plugin' else {'tmp_path': folder}))
        except SkipTest:
            pass
        except Exception:
            found.add(name)
        shutil.rmtree(folder)
    return found


def test_a_format_that_is_only_read_or_only_written_is_asked_for_no_more(tmp_path: Path) -> None:
    class Reads(Good):
        write = Format.write

    class Writes(Good):
        read = Format.read

    (tmp_path / 'reads').mkdir()
    (tmp_path / 'writes').mkdir()
    assert failures(Reads(), tmp_path / 'reads') == set()
    assert failures(Writes(), tmp_path / 'writes') == set()
