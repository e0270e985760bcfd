"""What every conversion promises, whoever wrote the format: here a stranger's, of twenty lines."""

from __future__ import annotations

import gc
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.ids import safe_id
from synapse_hooks.conversion.pipeline import Pipeline
from synapse_hooks.data import Box, DatasetInfo, Polygon, Sample
from synapse_hooks.errors import (
    DatasetInvalid,
    LossRefused,
    NoAnswer,
    ParamsError,
    UnreadableItem,
    WrongAnswer,
)
from synapse_hooks.formats import BUILTIN, Format, guess_format
from synapse_hooks.formats.coco.source import CocoSource
from synapse_hooks.formats.dm.source import DmSource
from synapse_hooks.hookspecs import hookimpl
from tests.formats.coco_kit import content, entry, put
from tests.formats.format_kit import Converter, add_item, box, builtin, png, polygon, tree


class Lines(Format):
    """One text file an image: `label x y w h`. It knows nothing of sizes, splits, reports or policies."""

    name = 'lines'

    def read(self, path: Path) -> Iterator[Sample]:
        for file in sorted(path.rglob('*.lines')):
            rows = [line.split() for line in file.read_text().splitlines()]
            boxes = [Box(*map(float, numbers), label=label) for label, *numbers in rows]
            id = file.relative_to(path).with_suffix('').as_posix()
            yield Sample(id, image=file.with_suffix('.png'), annotations=boxes)

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
        for sample in samples:
            self.link_image(sample, out / sample.file_name)
            rows = []
            for shape in sample.annotations:
                if isinstance(shape, Box):
                    rows.append(f'{shape.label} {shape.x} {shape.y} {shape.w} {shape.h}\n')
                else:
                    self.report.dropped(shape.kind, 'lines hold boxes', sample.id, shape.id)
            (out / f'{sample.id}.lines').write_text(''.join(rows))

    def recognise(self, path: Path) -> bool:
        return any(path.glob('*.lines'))


@pytest.fixture
def lines(tmp_path: Path, converter: Converter) -> Path:
    converter.manager.register(Lines(), name='lines')
    root = tmp_path / 'lines'
    (root / 'deep').mkdir(parents=True)
    for number in range(12):
        (root / f'{number:02}.lines').write_text(f'class{number % 3} {number} 2 10 10\n')
        (root / f'{number:02}.png').write_bytes(png(64, 32))
    (root / 'deep' / 'empty.lines').write_text('')
    (root / 'deep' / 'empty.png').write_bytes(png(64, 32))
    return root


@pytest.fixture
def dm(tmp_path: Path) -> Path:
    root = tmp_path / 'dm'
    for number in range(3):
        add_item(root, f'{number}', {'bounding_box': [box(1, 1, 5, 5)], 'polygon': [polygon([[0, 0], [9, 0], [9, 9]])]})
    return root


@pytest.mark.parametrize('target', sorted(BUILTIN.keys() - {'imagefolder'}))
def test_a_strangers_reader_feeds_every_format(lines: Path, converter: Converter, target: str) -> None:
    made = converter(lines, 'lines', target, splits={'train': 0.5, 'valid': 0.5})
    assert made['classes'] == ['class0', 'class1', 'class2']
    assert sum(made['splits'].values()) == 13
    assert converter.losses['written'] == {'box': 12}
    reader = converter.manager.hook.open_dataset(dataset=made)
    samples = list(reader)
    assert sorted(sample.id for sample in samples)[-1] == 'deep/empty'
    assert {(sample.width, sample.height) for sample in samples} == {(64, 32)}
    assert reader.info.classes == ('class0', 'class1', 'class2')
    back = converter(made['path'], target, 'lines')
    assert converter.losses['written'] == {'box': 12}
    assert {Path(name).name: content for name, content in tree(back['path']).items()}.keys() == {
        Path(name).name for name in tree(lines)
    }


def test_what_a_stranger_drops_is_counted(dm: Path, lines: Path, converter: Converter) -> None:
    made = converter(dm, 'dm', 'lines')
    assert converter.losses['written'] == {'box': 3, 'polygon': 0}
    assert converter.reasons('dropped') == {('polygon', 'lines hold boxes'): 3}
    assert made['config_path'] is None
    (warning,) = converter.recorder.of('message')
    assert (warning['level'], warning['code']) == ('warning', 'losses')
    assert 'dm to lines: 3 annotations written, 0 converted, 3 dropped' in warning['text']
    with pytest.raises(LossRefused):
        converter(dm, 'dm', 'lines', strict=True)


def test_nothing_is_said_when_nothing_is_lost(dm: Path, converter: Converter) -> None:
    converter(dm, 'dm', 'coco', strict=True)
    assert converter.recorder.of('message') == []
    assert converter.losses['written'] == {'box': 3, 'polygon': 3}


def test_progress_ends_at_the_end(lines: Path, converter: Converter) -> None:
    converter(lines, 'lines', 'coco')
    first, *_, last = converter.recorder.of('progress')
    assert first['category'] in ('survey', 'convert')
    assert last == {'category': 'convert', 'curr': 13, 'total': 13}


@pytest.mark.parametrize('workers', [1, 3])
def test_what_belongs_to_no_item_is_told_once(tmp_path: Path, converter: Converter, workers: int) -> None:
    settings = {'yolo': {'workers': workers}}
    for number in range(400):
        split = 'train' if number % 2 else 'valid'
        add_item(tmp_path / 'dm' / split, f'{number}', {'bounding_box': [box(1, 1, 5, 5)]})
    add_item(tmp_path / 'dm' / 'train', 'alone', None)
    converter(tmp_path / 'dm', 'dm', 'yolo', settings=settings)
    assert converter.reasons('dropped') == {('image', 'there is no document for it in json/'): 1}
    for number in range(300):
        image = tmp_path / 'folders' / ('train' if number % 2 else 'val') / 'cat' / f'{number}.png'
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(png(9, 9))
    (tmp_path / 'folders' / 'train' / 'alone.png').write_bytes(png(9, 9))
    converter(tmp_path / 'folders', 'imagefolder', 'yolo', settings=settings)
    assert converter.reasons('dropped') == {('image', 'it is not in the folder of a class'): 1}


@pytest.mark.parametrize('division', [{'stratify': True}, {'group_by': 'folder:'}])
def test_a_look_beforehand_tolerates_what_the_conversion_does(
    dm: Path, converter: Converter, division: dict[str, object]
) -> None:
    (dm / 'original_files' / '1.png').write_bytes(b'')
    shares = {'train': 0.5, 'valid': 0.5}
    made = converter(dm, 'dm', 'coco', unreadable='skip', splits=shares, settings={'coco': division})
    assert sum(made['splits'].values()) == 2
    assert converter.losses['unreadable']['count'] == 1
    with pytest.raises(UnreadableItem):
        converter(dm, 'dm', 'coco', unreadable=0.2, splits=shares, settings={'coco': division})


def test_a_dataset_that_has_the_format_is_returned(dm: Path, converter: Converter) -> None:
    assert converter(dm, 'dm', 'dm', dataset={'digest': 'abc'}) == {'path': dm, 'format': 'dm', 'digest': 'abc'}


def test_the_sources_digest_stands_for_its_content(dm: Path, converter: Converter) -> None:
    digests = {
        converter(dm, 'dm', 'coco', dataset={'digest': digest}, **params)['digest']
        for digest, params in (('a', {}), ('b', {}), ('a', {'splits': {'train': 1.0}}))
    }
    assert len(digests) == 3
    assert converter(dm, 'dm', 'coco', dataset={'digest': 'a'})['digest'] in digests


def test_a_dataset_without_images(tmp_path: Path, converter: Converter) -> None:
    (tmp_path / 'dm' / 'json').mkdir(parents=True)
    with pytest.raises(DatasetInvalid, match=r'has no images .read as .dm.'):
        converter(tmp_path / 'dm', 'dm', 'yolo')


def test_a_dataset_without_labels(tmp_path: Path, converter: Converter) -> None:
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, 'a', {'bounding_box': []})
    with pytest.raises(DatasetInvalid, match='has no labels: 2 items and not one annotation'):
        converter(tmp_path / 'dm', 'dm', 'yolo')


def test_a_dataset_that_is_not_there(tmp_path: Path, converter: Converter) -> None:
    with pytest.raises(DatasetInvalid, match='there is no dataset at'):
        converter(tmp_path / 'gone', 'dm', 'yolo')


def test_one_corrupt_image_among_few_is_named(dm: Path, converter: Converter) -> None:
    (dm / 'original_files' / '1.png').write_bytes(b'')
    with pytest.raises(UnreadableItem, match=r'1\.png is empty') as caught:
        converter(dm, 'dm', 'coco')
    assert 'unreadable=skip' in str(caught.value)
    made = converter(dm, 'dm', 'coco', unreadable='skip')
    assert 'unreadable 1' in converter.recorder.of('message')[0]['text']
    assert made['splits'] == {}
    assert len(json.loads(made['config_path'].read_text())['images']) == 2


def test_one_corrupt_image_among_many_is_left_out_aloud(tmp_path: Path, converter: Converter) -> None:
    for number in range(150):
        add_item(tmp_path / 'dm', f'{number:03}', {'bounding_box': [box(1, 1, 5, 5)]})
    (tmp_path / 'dm' / 'original_files' / '007.png').write_bytes(b'torn')
    made = converter(tmp_path / 'dm', 'dm', 'coco')
    assert len(json.loads(made['config_path'].read_text())['images']) == 149
    assert converter.losses['unreadable']['examples'][0]['file'].endswith('007.png')
    with pytest.raises(UnreadableItem):
        converter(tmp_path / 'dm', 'dm', 'coco', unreadable='fail')
    with pytest.raises(UnreadableItem):
        converter(tmp_path / 'dm', 'dm', 'coco', settings={'coco': {'unreadable': 0.001}})


def test_fail_stops_at_the_first_item_whatever_is_wrong_with_it(tmp_path: Path, converter: Converter) -> None:
    for number in range(4):
        add_item(tmp_path / 'dm', f'{number}', {'bounding_box': [box(1, 1, 5, 5)]})
    (tmp_path / 'dm' / 'json' / '1.json').write_text('{')
    (tmp_path / 'dm' / 'original_files' / '2.png').write_bytes(b'torn')
    with pytest.raises(UnreadableItem, match=r'1\.json'):
        converter(tmp_path / 'dm', 'dm', 'coco', unreadable='fail')
    file = put(tmp_path / 'coco' / 'annotations.json', content([entry(1)], ['a.png', 'b.png', 'c.png', 'd.png']))
    (file.parent / 'b.png').unlink()
    (file.parent / 'a.png').write_bytes(b'torn')
    for image in ('a', 'b'):
        with pytest.raises(UnreadableItem, match=rf'{image}\.png'):
            converter(file.parent, 'coco', 'yolo', unreadable='fail', splits={'train': 0.5, 'valid': 0.5})
        (file.parent / 'a.png').write_bytes(png(100, 80))


@pytest.mark.parametrize('folder', ['1.json', '1.jpg'])
def test_a_folder_may_be_called_like_a_file(folder: str, tmp_path: Path, converter: Converter) -> None:
    add_item(tmp_path / 'dm', f'{folder}/a', {'bounding_box': [box(1, 1, 5, 5)]})
    made = converter(tmp_path / 'dm', 'dm', 'coco')
    (image,) = json.loads(made['config_path'].read_text())['images']
    assert image['file_name'] == f'{folder}/a.png'


def test_a_pipe_in_the_place_of_an_image_is_not_waited_for(tmp_path: Path, converter: Converter) -> None:
    file = put(tmp_path / 'coco' / 'annotations.json', content([entry(1)], ['a.avif', 'b.png']))
    (file.parent / 'a.avif').unlink()
    os.mkfifo(file.parent / 'a.avif')
    with pytest.raises(UnreadableItem, match=r'a\.avif is not a regular file'):
        converter(file.parent, 'coco', 'yolo', unreadable='fail', splits={'train': 0.5, 'valid': 0.5})


def test_one_corrupt_document_is_named(dm: Path, converter: Converter) -> None:
    (dm / 'json' / '1.json').write_text('{"images": [')
    with pytest.raises(UnreadableItem, match=r'1\.json is not JSON'):
        converter(dm, 'dm', 'coco')


@pytest.mark.parametrize(
    ('params', 'field'),
    [
        ({'unreadable': 'maybe'}, 'unreadable'),
        ({'unreadable': 2}, 'unreadable'),
        ({'splits': {'train': 2.0}}, 'splits'),
    ],
)
def test_a_bad_option_is_named(dm: Path, converter: Converter, params: dict[str, object], field: str) -> None:
    with pytest.raises(ParamsError, match=field) as caught:
        converter(dm, 'dm', 'coco', **params)
    assert caught.value.field == field


def test_images_can_be_copied(dm: Path, converter: Converter) -> None:
    made = converter(dm, 'dm', 'coco', settings={'coco': {'images': 'copy'}})
    assert (made['path'] / '0.png').stat().st_ino != (dm / 'original_files' / '0.png').stat().st_ino


def test_nobody_reads_the_source(dm: Path, converter: Converter) -> None:
    with pytest.raises(NoAnswer, match="no plugin reads the format 'acme'"):
        converter(dm, 'acme', 'coco')


def test_a_writer_that_stops_early_is_told(dm: Path, converter: Converter) -> None:
    class Lazy(Format):
        name = 'lazy'

        def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
            next(samples)

    converter.manager.register(Lazy())
    with pytest.raises(WrongAnswer, match='stopped writing after 1 of 3'):
        converter(dm, 'dm', 'lazy')


def test_a_format_that_only_writes_says_so(dm: Path, converter: Converter) -> None:
    class Sink(Format):
        name = 'sink'

    converter.manager.register(Sink())
    with pytest.raises(DatasetInvalid, match="'sink' can be read, not written"):
        converter(dm, 'dm', 'sink')
    with pytest.raises(DatasetInvalid, match="'sink' can be written, not read"):
        converter(dm, 'sink', 'dm')


def test_an_error_while_reading_says_who_was_reading(dm: Path, converter: Converter) -> None:
    class Broken(Format):
        name = 'broken'

        def read(self, path: Path) -> Iterator[Sample]:
            yield Sample('a')
            raise ZeroDivisionError

    converter.manager.register(Broken())
    with pytest.raises(ZeroDivisionError) as caught:
        converter(dm, 'broken', 'dm')
    assert caught.value.__notes__ == [f"while format 'broken' was reading {dm}"]


def test_a_reader_of_a_bare_hookimpl_will_do(dm: Path, tmp_path: Path, converter: Converter) -> None:
    (tmp_path / 'p.png').write_bytes(png(40, 40))

    class Reader:
        info = DatasetInfo(classes=('b', 'a'))

        def __iter__(self) -> Iterator[Sample]:
            square = Polygon.simple([(0, 0), (20, 0), (20, 20)], label='a')
            for name, split in (('x', 'train'), ('y', 'valid')):
                yield Sample(name, image=tmp_path / 'p.png', width=40, height=40, split=split, annotations=[square])

    class Bare:
        @hookimpl
        def open_dataset(self, dataset: Dataset) -> Reader | None:
            return Reader() if dataset['format'] == 'bare' else None

    converter.manager.register(Bare())
    made = converter(dm, 'bare', 'yolo')
    assert made['classes'] == ['b', 'a']
    assert (made['path'] / 'labels' / 'train' / 'x.txt').read_text().startswith('1 0.000000 0.000000 0.5')


def test_an_instance_may_be_shared_by_threads(tmp_path: Path, dm: Path, lines: Path, converter: Converter) -> None:
    shared = Lines()
    reports: list[object] = []

    def use() -> None:
        from synapse_hooks.data import LossReport

        worker = shared.bound(report=LossReport())
        worker.report.dropped('box', 'test')
        reports.append(worker.report.to_dict()['dropped'][0]['count'])

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reports == [1] * 8
    assert shared.report.lossless


@pytest.mark.parametrize('name', sorted(BUILTIN))
def test_every_builtin_recognises_its_own_only(tmp_path: Path, converter: Converter, name: str) -> None:
    dm = tmp_path / 'dm'
    for number in range(4):
        row = {'id': 'c', 'classification': f'class{number % 2}', 'attrs': [], 'data': {}}
        add_item(dm, f'{number}', {'bounding_box': [box(1, 1, 5, 5)], 'classification': [row]})
    made = converter(dm, 'dm', name, splits={'train': 0.5, 'valid': 0.5}) if name != 'dm' else {'path': dm}
    formats = [builtin(other) for other in BUILTIN]
    assert guess_format(made['path'], formats) == name


def test_guessing_asks_strangers_too_and_never_picks_one_of_two(lines: Path, dm: Path) -> None:
    formats = [*map(builtin, BUILTIN), Lines()]
    assert guess_format(lines, formats) == 'lines'
    (dm / 'a.lines').write_text('')
    with pytest.raises(DatasetInvalid, match='could be dm or lines'):
        guess_format(dm, formats)
    with pytest.raises(DatasetInvalid, match=r'has none of the known formats .coco, dm, imagefolder, lines, yolo'):
        guess_format(dm / 'json', formats)
    with pytest.raises(DatasetInvalid, match='nothing at'):
        guess_format(dm / 'gone', formats)


class Torn(Lines):
    name = 'torn'

    def recognise(self, path: Path) -> bool:
        raise DatasetInvalid(f'{path}/a.lines ends too early', hint='copy it again', line=3)


class Closed(Lines):
    name = 'closed'

    def recognise(self, path: Path) -> bool:
        raise PermissionError(13, 'Permission denied', str(path))


def test_a_format_that_says_that_a_dataset_is_its_own_and_broken_has_the_last_word(lines: Path, dm: Path) -> None:
    assert guess_format(lines, [Torn(), Closed(), Lines()]) == 'lines'
    with pytest.raises(DatasetInvalid) as caught:
        guess_format(lines, [Closed(), Torn(), builtin('dm')])
    error = caught.value
    assert error.problem == f'{lines} looks like torn, but {lines}/a.lines ends too early'
    assert (error.hint, error.line, error.found, error.path) == ('copy it again', 3, ['torn'], str(lines))
    assert isinstance(error.__cause__, DatasetInvalid)
    with pytest.raises(PermissionError):
        guess_format(lines, [Closed(), builtin('dm')])


@pytest.mark.parametrize(
    'text', ['../../etc', '/etc/x', 'C:\\x', '..', '', '\0', 'a/../../b', '...', 'x' * 400, 'nul\n', ' ', '～/é']
)
def test_a_name_stays_inside(text: str, tmp_path: Path) -> None:
    made = safe_id(text)
    assert (tmp_path / made).resolve().is_relative_to(tmp_path)
    assert (tmp_path / made).resolve() != tmp_path
    assert '\0' not in made
    assert all(len(part.encode()) <= 200 for part in made.split('/'))
    assert safe_id(made) == made


def test_an_unknown_way_to_bring_images_is_named(dm: Path, converter: Converter) -> None:
    with pytest.raises(ParamsError, match=r"images: must be one of .*, got 'teleport'"):
        converter(dm, 'dm', 'coco', settings={'coco': {'images': 'teleport'}})


def test_fractions_divide_what_is_in_one_split_and_leave_several_alone(tmp_path: Path, converter: Converter) -> None:
    for number in range(20):
        add_item(tmp_path / 'one' / 'train', f'{number}', {'bounding_box': [box(1, 2, 3, 4)]})
        add_item(tmp_path / 'two' / ('train' if number else 'valid'), f'{number}', {'bounding_box': [box(1, 2, 3, 4)]})
    fractions = {'train': 0.5, 'valid': 0.5}
    one = converter(tmp_path / 'one', 'dm', 'yolo', splits=fractions)['splits']
    assert sum(one.values()) == 20
    assert one['valid'] > 2
    assert converter(tmp_path / 'two', 'dm', 'coco', splits=fractions)['splits'] == {'train': 19, 'valid': 1}
    assert any('keeps its splits' in message['text'] for message in converter.recorder.of('message'))


def test_the_format_that_reads_is_blamed_for_what_its_reading_raises(dm: Path, tmp_path: Path) -> None:
    from synapse_hooks.context import RuntimeContext, TrainContext
    from synapse_hooks.plugins import Settings, build, culprit

    class Fragile(Format):
        name = 'fragile'

        def read(self, path: Path) -> Iterator[Sample]:
            yield Sample(id='a', width=1, height=1, annotations=[Box(label='x', x=0, y=0, w=1, h=1)])
            raise ZeroDivisionError('in the middle')

    plugins = build(Settings(), extra=[Fragile()], installed=[])
    context = TrainContext(params={}, runtime_ctx=RuntimeContext(), hooks=plugins.calls, output_dir=tmp_path / 'out')
    source: Dataset = {'path': dm, 'format': 'fragile'}
    with pytest.raises(ZeroDivisionError) as caught:
        plugins.calls.convert(context=context, dataset=source, target_format='coco')
    plugin = culprit(caught.value)
    assert plugin is not None
    assert (plugin.rank, plugin.name) == ('project', 'Fragile')


def test_a_corrupt_image_counts_once(dm: Path, converter: Converter) -> None:
    (dm / 'original_files' / '1.png').write_bytes(b'garbage')
    count = len(list((dm / 'json').iterdir()))
    with pytest.raises(UnreadableItem, match=f'1 of {count} items'):
        converter(dm, 'dm', 'coco')


@pytest.mark.parametrize(('source', 'workers'), [('dm', 1), ('dm', 2), ('coco', 1), ('coco', 2), ('lines', 1)])
def test_nothing_of_a_dataset_stays_in_memory(dm: Path, converter: Converter, source: str, workers: int) -> None:
    """Not even until cycles are collected: what runs afterwards is a training, which needs it."""
    converter.manager.register(Lines(), name='lines')
    path = dm if source == 'dm' else converter(dm, 'dm', source)['path']
    gc.collect()
    gc.disable()
    try:
        converter(path, source, 'yolo', settings={'yolo': {'workers': workers}}, splits={'train': 0.5, 'valid': 0.5})
        left = [one for one in gc.get_objects() if type(one) in (Pipeline, CocoSource, DmSource)]
    finally:
        gc.enable()
    assert not left
