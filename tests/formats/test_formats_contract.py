"""What formats of others may do in batches, and what they are told where it is wrong."""

from __future__ import annotations

import os
import shutil
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synapse_hooks.context import Dataset
from synapse_hooks.data import Box, Classification, DatasetInfo, Polygon, Sample
from synapse_hooks.errors import DatasetInvalid, PluginBroken, WrongAnswer
from synapse_hooks.formats import (
    BUILTIN,
    BaseFormat,
    BaseSink,
    BaseSource,
    Batch,
    BatchBuilder,
    Format,
    ReadContext,
    Source,
    WriteContext,
    WriteResult,
    Written,
)
from synapse_hooks.formats.dm import DmFormat
from synapse_hooks.formats.yolo import YoloFormat
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.plugins import Settings, build
from synapse_hooks.plugins.records import Plugin
from synapse_hooks.plugins.validation import faults
from synapse_hooks.testing import convert_dataset, png
from tests.formats.format_kit import add_item, box, builtin

Make = Callable[[Path], list[list[Batch]]]


class InColumns(BaseFormat):
    """Reads what it was made with: the batches of each shard."""

    name = 'columns'

    def __init__(self, make: Make) -> None:
        self.make = make

    def source(self, path: Path, context: ReadContext) -> Source:
        return Given(self.make(path))


class Given(BaseSource):
    def __init__(self, batches: list[list[Batch]]) -> None:
        self.batches = batches

    def shards(self) -> Sequence[int]:
        return range(len(self.batches))

    def read(self, shard: int) -> Iterator[Batch]:
        yield from self.batches[shard]


def images(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f'{name}.png' for name in names]
    for file in files:
        file.write_bytes(png(100, 80))
    return files


def two_boxes(
    change: Callable[[BatchBuilder], None] = lambda builder: None, id: str = 'a', labels: Sequence[Any] = ('car', 'dog')
) -> Make:
    """A dataset of one image with two boxes, which `change` makes wrong."""

    def make(path: Path) -> list[list[Batch]]:
        builder = BatchBuilder()
        item = builder.add_sample(Sample(id, image=path / 'a.png', split='train'))
        builder.add_boxes([item, item], labels, np.array([[1, 2, 30, 40], [5, 6, 7, 8]]))
        change(builder)
        return [[builder.build()]]

    return make


def converted(tmp_path: Path, make: Make, target: str = 'coco', **options: Any) -> Any:
    images(tmp_path / 'in', 'a', 'b', 'c')
    return convert_dataset(
        {'path': tmp_path / 'in', 'format': 'columns'}, target, tmp_path / 'out', InColumns(make), **options
    )


ODD = {
    'plain': ([1, 2, 30, 40], 'car', None),
    'with attributes': ([5, 6, 7, 8], 'dog', {'hidden': True}),
    'beyond the edge': ([90, 70, 30, 40], 'car', None),
    'outside': ([500, 2, 30, 40], 'car', None),
    'reversed': ([30, 40, -20, -10], 'car', None),
    'without area': ([1, 2, 0, 40], 'car', None),
    'not a number': ([float('nan'), 2, 30, 40], 'car', None),
    'endless': ([1, 2, float('inf'), 40], 'car', None),
    'without a class': ([1, 2, 30, 40], '', None),
    'crowd': ([1, 2, 30, 40], 'car', {'iscrowd': True}),
    'no crowd': ([1, 2, 30, 40], 'car', {'iscrowd': False}),
}


@pytest.mark.parametrize('crowds', ['keep', 'objects'])
@pytest.mark.parametrize('target', ['yolo', 'coco', 'dm'])
def test_columns_are_converted_like_samples(tmp_path: Path, target: str, crowds: str) -> None:
    boxes, labels, attributes = (list(column) for column in zip(*ODD.values(), strict=True))
    numbers = [list(map(float, box)) for box in boxes]
    rings = [[(x, y), (x + w, y), (x + w, y + h)] for x, y, w, h in numbers]

    def columns(path: Path) -> list[list[Batch]]:
        builder = BatchBuilder()
        for name, split in (('a', 'train'), ('b', 'valid')):
            items = [builder.add_sample(Sample(name, image=path / f'{name}.png', split=split))] * len(ODD)
            builder.add_boxes(items, labels, np.array(numbers), attributes=attributes)
            builder.add_polygons(items, labels, rings, ids=[*ODD], attributes=attributes)
        return [[builder.build()]]

    def rows(path: Path) -> list[list[Batch]]:
        samples = []
        for place, (name, split) in enumerate((('a', 'train'), ('b', 'valid'))):
            first = 1 + place * 2 * len(ODD)
            more = [dict(one or {}) for one in attributes]
            shapes: list[Any] = [
                Box(*box, id=str(number), label=label, attributes=said)
                for number, (box, label, said) in enumerate(zip(numbers, labels, more, strict=True), first)
            ]
            shapes += [
                Polygon.simple(ring, id=id, label=label, attributes=dict(said))
                for id, ring, label, said in zip(ODD, rings, labels, more, strict=True)
            ]
            samples.append(Sample(name, image=path / f'{name}.png', split=split, annotations=shapes))
        return [[Batch.of_samples(samples)]]

    one = converted(tmp_path / 'one', columns, target, crowds=crowds)
    other = converted(tmp_path / 'other', rows, target, crowds=crowds)
    assert one.losses == other.losses
    assert one.dataset['classes'] == other.dataset['classes']
    files = sorted(file.relative_to(one.path) for file in one.path.rglob('*') if file.suffix in {'.json', '.txt'})
    assert files
    for file in files:
        assert (one.path / file).read_bytes() == (other.path / file).read_bytes()


def of(field: str, value: Any) -> Callable[[BatchBuilder], None]:
    def change(builder: BatchBuilder) -> None:
        setattr(builder.boxes, field, value)

    return change


def add_hidden(builder: BatchBuilder) -> None:
    """An annotation that only its sample has."""
    builder.samples[0].annotations.append(Box(1, 2, 3, 4, label='car'))


def add_arrays(builder: BatchBuilder) -> None:
    """As many as there are already: arrays would be added number by number."""
    builder.add_boxes(np.array([0, 0]), ['car', 'dog'], np.ones((2, 4)))  # type: ignore[arg-type]


def add_again(builder: BatchBuilder) -> None:
    builder.add_sample(Sample('a', image=builder.samples[0].image, split='train'))


@pytest.mark.parametrize(
    ('make', 'message', 'field'),
    [
        (two_boxes(labels=['car', 3]), r"sample 'a', box 2 of its batch: labels must be text.*, got 3", 'labels'),
        (two_boxes(of('labels', ['car'])), 'labels must be a column as long as `items`, which has 2, got 1', 'labels'),
        (two_boxes(of('items', [0, 1])), 'items must be the number of a sample.*, got 1', 'items'),
        (two_boxes(of('places', [1, 0])), 'places must be in ascending order.*, got 0', 'places'),
        (
            two_boxes(of('attributes', [None, {'a': object()}])),
            'attributes must be a value of JSON.*, got',
            'attributes',
        ),
        (
            two_boxes(lambda builder: builder.boxes.numbers.append(1)),
            'numbers must be four for each row.*, got 9',
            'numbers',
        ),
        (two_boxes(of('labels', ['car', ''])), "labels must be plain.*, got ''", 'labels'),
        (two_boxes(of('attributes', [None, {'iscrowd': 1}])), 'attributes must be plain.*, got', 'attributes'),
        (two_boxes(of('items', [*np.array([0, 0])])), 'items must be the number of a sample.*, got .*int64', 'items'),
        (two_boxes(of('numbers', array('d', [0.0] * 6))), 'numbers must be four for each row.*, got 6', 'numbers'),
        (two_boxes(of('numbers', [0.0] * 8)), r'boxes\.numbers must be an array', 'boxes.numbers'),
        (two_boxes(of('numbers', array('f', [0.0] * 8))), r'boxes\.numbers must be an array', 'boxes.numbers'),
        (two_boxes(of('labels', ('car', 'dog'))), r'boxes\.labels must be a list', 'boxes.labels'),
        (two_boxes(lambda builder: builder.samples.append('b')), r'samples\[1\] must be a Sample', 'samples[1]'),  # type: ignore[arg-type]
        (
            two_boxes(lambda builder: builder.others.append((9, 9, Box(1, 2, 3, 4)))),
            'others must be the number of a sample.*, got 9',
            'others',
        ),
        (two_boxes(add_arrays), 'box 3 of a batch: items must be the number of a sample.*, got .*int64', 'items'),
        (two_boxes(add_hidden), 'others must be those of its samples.*, got 0', 'others'),
        (two_boxes(add_again), "id must be unique within its split.*, got 'a'", 'id'),
        (two_boxes(id='../a'), r"id must be safe as the name of a file.*, got '\.\./a'", 'id'),
        (lambda path: [[5]], 'what `read` returned must be a Batch.*, got 5', ''),  # type: ignore[list-item]
    ],
)
@pytest.mark.parametrize('target', ['yolo', 'coco', 'dm'])
def test_what_is_wrong_in_a_batch_is_named(tmp_path: Path, make: Make, message: str, field: str, target: str) -> None:
    with pytest.raises(WrongAnswer, match=f"format 'columns': .*{message}") as caught:
        converted(tmp_path, make, target)
    assert (caught.value.format, caught.value.field) == ('columns', field)
    assert any("while format 'columns' was reading" in note for note in caught.value.__notes__)
    assert not any(f"'{target}'" in note for note in caught.value.__notes__)


def test_a_batch_is_measured_only_if_its_images_have_sizes(tmp_path: Path) -> None:
    def make(path: Path) -> list[list[Batch]]:
        return [[Batch.of_samples([Sample('a', image=path / 'a.png', annotations=[Box(1, 2, 3, 4)])], measured=True)]]

    with pytest.raises(WrongAnswer, match=r"sample 'a': width must be the width of the image, got 0"):
        converted(tmp_path, make)


def test_annotations_of_a_sample_and_columns_are_kept_together(tmp_path: Path) -> None:
    def make(path: Path) -> list[list[Batch]]:
        builder = BatchBuilder()
        sample = Sample('a', image=path / 'a.png', annotations=[Box(1, 2, 3, 4, label='cat', id='own')])
        item = builder.add_sample(sample)
        builder.add_boxes(np.array([item]).tolist(), ['car'], [(1, 2, 30, 40)])
        builder.add_boxes([item], ['dog'], [(1, 2, 30, 40)])
        return [[builder.build()]]

    made = converted(tmp_path, make)
    assert made.losses['written'] == {'box': 3}
    assert made.dataset['classes'] == ['car', 'cat', 'dog']


def test_an_image_that_cannot_be_read_takes_its_annotations_with_it(tmp_path: Path) -> None:
    def make(path: Path) -> list[list[Batch]]:
        builder = BatchBuilder()
        for name in ('a', 'gone', 'b'):
            item = builder.add_sample(Sample(name, image=path / f'{name}.png', split='train'))
            builder.add_boxes([item], [name], [(1, 2, 30, 40)])
            builder.add_polygons([item], [name], [[(1, 1), (9, 1), (9, 9)]])
        return [[builder.build()]]

    made = converted(tmp_path, make, unreadable='skip')
    assert made.dataset['classes'] == ['a', 'b']
    assert made.losses['unreadable']['count'] == 1
    assert made.losses['written'] == {'box': 2, 'polygon': 2}


def test_content_counts_in_the_digest(tmp_path: Path) -> None:
    digests = set()
    for labels in (('car', 'dog'), ('car', 'dog'), ('dog', 'car')):
        for file in images(tmp_path / 'in', 'a'):
            os.utime(file, ns=(0, 10**18))
        source: Dataset = {'path': tmp_path / 'in', 'format': 'columns'}
        made = convert_dataset(source, 'coco', tmp_path / f'out-{labels[0]}', InColumns(two_boxes(labels=labels)))
        digests.add(made.dataset['digest'])
        shutil.rmtree(made.path)
    assert len(digests) == 2


# -- sinks ---------------------------------------------------------------------------------------------------------


class CountSink(BaseSink):
    def __init__(self, context: WriteContext) -> None:
        self.context = context

    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        return WriteResult(state=[sample.id for batch in batches for sample in batch.samples])

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        file = self.context.out / 'ids.txt'
        file.write_text('\n'.join(id for result in results for id in result.state))
        return Written(file)


class Counts(BaseFormat):
    name = 'counts'

    def sink(self, context: WriteContext) -> CountSink:
        return CountSink(context)


@pytest.mark.parametrize('workers', [1, 3])
def test_shards_are_written_in_any_number_of_processes(tmp_path: Path, workers: int) -> None:
    for number in range(300):
        add_item(tmp_path / 'dm', f'{number:03}', {'bounding_box': [box(1, 1, 5, 5)]})
    made = convert_dataset(
        {'path': tmp_path / 'dm', 'format': 'dm'},
        'counts',
        tmp_path / 'out',
        Counts(),
        settings={'counts': {'workers': workers}},
    )
    ids = Path(str(made.dataset['config_path'])).read_text().splitlines()
    assert ids == [f'{number:03}' for number in range(300)]


def one_of_each(**changes: Any) -> Make:
    """A box and a polygon in columns, with something changed."""

    def make(path: Path) -> list[list[Batch]]:
        given = {'label': 'car', 'x': 1.0, 'point': 9.0, 'id': 'a', 'attributes': None, **changes}
        builder = BatchBuilder()
        item = builder.add_sample(Sample('a', image=path / 'a.png', split='train'))
        common: dict[str, Any] = {'ids': [given['id']], 'attributes': [given['attributes']]}
        builder.add_boxes([item], [given['label']], [(given['x'], 2, 30, 40)], **common)
        builder.add_polygons([item], [given['label']], [[(1, 1), (given['point'], 1), (9, 9)]], **common)
        return [[builder.build()]]

    return make


def test_a_digest_covers_everything_in_columns_and_nothing_else(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [{}, {'label': 'dog'}, {'x': 1.5}, {'point': 8.5}, {'id': 2**70}]
    changes += [{'attributes': {'a': 1}}, {'attributes': {'a': 2**70}}, {'label': 'in\udcffvalid'}]
    folder = tmp_path / 'in'
    images(folder, 'a')

    def digest(change: dict[str, Any], out: Path) -> str:
        source: Dataset = {'path': folder, 'format': 'columns'}
        return convert_dataset(source, 'counts', out, InColumns(one_of_each(**change)), Counts()).dataset['digest']

    first = [digest(change, tmp_path / 'first' / str(number)) for number, change in enumerate(changes)]
    assert len({*first}) == len(changes)
    assert first == [digest(change, tmp_path / 'second' / str(number)) for number, change in enumerate(changes)]


# -- ids that are there twice --------------------------------------------------------------------------------------


@pytest.mark.parametrize('target', BUILTIN)
@pytest.mark.parametrize('place', ['batch', 'shard', 'process'])
@pytest.mark.parametrize('has_image', [True, False])
def test_an_id_that_is_there_twice_is_an_error_of_the_format_that_reads(
    tmp_path: Path, target: str, place: str, has_image: bool
) -> None:
    def make(path: Path) -> list[list[Batch]]:
        def batch(name: str) -> Batch:
            image = path / f'{name}.png' if has_image else None
            sample = Sample('a', image=image, width=100, height=80, split='train')
            if target == 'imagefolder':
                sample.annotations = [Classification(label='cat')]
                return Batch.of_samples([sample])
            builder = BatchBuilder()
            builder.add_boxes([builder.add_sample(sample)], ['car'], [(1, 2, 30, 40)])
            return builder.build()

        return [[batch('a'), batch('b')]] if place == 'batch' else [[batch('a')], [batch('b')]]

    images(tmp_path / 'data', 'a', 'b')
    for workers in (1, 2) if place == 'process' else (1,):
        with pytest.raises(WrongAnswer, match=r"'a'(.|\n)* must be unique within its split") as caught:
            convert_dataset(
                {'path': tmp_path / 'data', 'format': 'columns'},
                target,
                tmp_path / f'out{workers}',
                InColumns(make),
                settings={target: {'workers': workers}},
            )
        assert 'unique_ids' in caught.value.hint
        assert caught.value.facts['hook'] == 'open_dataset'
        assert not (tmp_path / f'out{workers}').exists()


@pytest.mark.parametrize('target', ['yolo', 'coco', 'dm'])
def test_an_id_that_another_process_has_written_is_the_same_error(tmp_path: Path, target: str) -> None:
    # The first look at the dataset sees every second shard.
    ids = ['0', 'a', '2', '3', '4', 'a', '6', '7']

    def make(path: Path) -> list[list[Batch]]:
        def batch(id: str, name: int) -> Batch:
            builder = BatchBuilder()
            sample = Sample(id, image=path / f'{name}.png', split='train')
            builder.add_boxes([builder.add_sample(sample)], ['car'], [(1, 2, 30, 40)])
            return builder.build()

        return [[batch(id, name)] for name, id in enumerate(ids)]

    images(tmp_path / 'data', *map(str, range(len(ids))))
    source: Dataset = {'path': tmp_path / 'data', 'format': 'columns'}
    for workers in (1, 2):
        out = tmp_path / f'out{workers}'
        with pytest.raises(WrongAnswer, match=r"'a'(.|\n)* unique within|unique within(.|\n)*'a'") as caught:
            convert_dataset(source, target, out, InColumns(make), settings={target: {'workers': workers}})
        assert 'unique_ids' in caught.value.hint


def test_ids_of_a_bare_reader_are_made_safe_and_unique(tmp_path: Path) -> None:
    files = images(tmp_path / 'data', 'a', 'b')

    class Reader:
        info = DatasetInfo()

        def __iter__(self) -> Iterator[Sample]:
            for file in files:
                yield Sample('../../a', image=file, width=100, height=80, annotations=[Box(1, 2, 3, 4, label='car')])

    class Bare:
        @hookimpl
        def open_dataset(self, dataset: Dataset) -> Any:
            return Reader() if dataset['format'] == 'bare' else None

    made = convert_dataset({'path': tmp_path / 'data', 'format': 'bare'}, 'dm', tmp_path / 'out', Bare())
    assert sorted(file.name for file in (made.path / 'original_files').iterdir()) == ['a.png', 'a.png.png']


# -- overrides that are never called -------------------------------------------------------------------------------


class WritesYolo(YoloFormat):
    name = 'mine'

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
        """Never."""


class ReadsDm(DmFormat):
    name = 'mine'

    def read(self, path: Path) -> Iterator[Sample]:
        raise AssertionError

    def declare(self, path: Path) -> DatasetInfo:
        raise AssertionError


class Both(Format):
    """A class may read rows, and one that derives from it batches."""

    name = 'both'

    def read(self, path: Path) -> Iterator[Sample]:
        yield Sample('a')


class Batches(Both):
    def source(self, path: Path, context: ReadContext) -> Source:
        return Given([])


class ReadsNothing(BaseFormat):
    """Has the methods of the other class."""

    name = 'nothing'

    def read(self, path: Path) -> Iterator[Sample]:
        raise AssertionError


def test_an_override_that_is_never_called_is_a_fault() -> None:
    assert faults(WritesYolo(), 'format') == [
        'WritesYolo.write() is never called, because YoloFormat answers sink(): override sink(), or derive from Format'
    ]
    assert [fault.partition(' is never')[0] for fault in faults(ReadsDm(), 'format')] == [
        'ReadsDm.read()',
        'ReadsDm.declare()',
    ]
    assert faults(ReadsNothing(), 'format') == [
        'ReadsNothing.read() is never called, because BaseFormat answers source(): '
        'override source(), or derive from Format'
    ]
    assert faults(Both(), 'format') == faults(Batches(), 'format') == faults(DmFormat(), 'format') == []


def test_an_override_that_is_never_called_names_the_plugin() -> None:
    plugin = Plugin('mine', 'format', 'installed', f'{__name__}:WritesYolo', distribution='acme-yolo', version='1.2')
    formats = build(Settings(), installed=[plugin]).catalogues['format']
    with pytest.raises(
        PluginBroken, match=r"acme-yolo 1\.2 \(plugin 'mine'\)(.|\n)*WritesYolo\.write\(\) is never called"
    ):
        formats.check(plugin, 'convert')


def test_the_contract_is_small() -> None:
    public = {name for name in dir(BaseFormat) if not name.startswith('_')}
    assert public == {'name', 'version', 'recognise', 'source', 'sink', 'convert', 'open_dataset'}
    for name in BUILTIN:
        assert {name for name in dir(builtin(name)) if not name.startswith('_')} == public


def test_a_format_that_is_only_read_or_only_written_says_so(tmp_path: Path) -> None:
    dm = tmp_path / 'dm'
    add_item(dm, 'a', {'bounding_box': [box(1, 1, 5, 5)]})
    with pytest.raises(DatasetInvalid, match="'columns' can be read, not written"):
        convert_dataset({'path': dm, 'format': 'dm'}, 'columns', tmp_path / 'out', InColumns(two_boxes()))
    with pytest.raises(DatasetInvalid, match="'counts' can be written, not read"):
        convert_dataset({'path': dm, 'format': 'counts'}, 'coco', tmp_path / 'out', Counts())
