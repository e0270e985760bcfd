"""What somebody else's code reads is looked at where it comes in, and an error there says what is wrong with it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import hookimpl
from synapse_hooks.context import Dataset
from synapse_hooks.conversion.contract import ItemSource, Source
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.conversion.reader import FormatReader, open_reader
from synapse_hooks.conversion.validation import checked
from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    DatasetInfo,
    Group,
    Joint,
    Keypoint,
    Keypoints,
    Mask,
    Other,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Sample,
)
from synapse_hooks.data.batch import Batch
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.formats import Format
from synapse_hooks.testing import convert_dataset, open_dataset, png
from tests.formats.format_kit import Converter, add_item, box, polygon

NAN, INF = math.nan, math.inf
CAR = Box(1, 2, 30, 40, label='car')
SQUARE = [(1, 1), (9, 1), (9, 9)]


class Strange(Format):
    """Reads whatever it was made with."""

    name = 'strange'

    def __init__(self, answer: Any, info: Any = None) -> None:
        self.answer = answer
        self.info = DatasetInfo() if info is None else info

    def declare(self, path: Path) -> DatasetInfo:
        found: DatasetInfo = self.info
        return found

    def read(self, path: Path) -> Iterator[Sample]:
        found: Iterator[Sample] = self.answer
        return found


class InParts(Strange):
    """The same as a list."""

    def source(self, path: Path, context: ReadContext) -> Source:
        return Listed(self.answer)


class Listed(ItemSource):
    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    @property
    def count(self) -> int:
        return len(self.samples)

    def read(self, shard: range) -> Iterator[Batch]:
        yield Batch.of_samples(self.samples[shard.start : shard.stop])


def said(answer: Any) -> str:
    with pytest.raises(WrongAnswer) as caught:
        list(checked(answer, 'strange'))
    assert caught.value.hint
    return caught.value.problem.removeprefix("format 'strange': ")


def wrong(annotation: Any) -> str:
    return said([Sample('a', annotations=[CAR, annotation])]).removeprefix("sample 'a', annotation 2 ")


@pytest.mark.parametrize(
    'annotation',
    [
        CAR,
        Box(-1, 0.5, 10**6, 0, id='b', label='', attributes={'a': 'x', 'b': [1, 'y'], 'c': None, 'd': 0.5, 'e': {}}),
        Box(1e308, 1e308, 1e308, 1e308),
        RotatedBox(1, 2, 3, 4, 0.5, group='g', entry=1),
        Polygon([[SQUARE, [[2, 2], [3, 2], [3, 3]]], []], box=(1, 2, 3, 4)),  # type: ignore[list-item]
        Polygon([]),
        Polyline([]),
        Keypoint(1, 2, 0),
        Keypoints([Joint(1, 2), Joint(0, 0, 0)], names=['nose', 'tail']),
        Mask([(0, 1)]),
        Mask([]),
        Classification(label='sunny'),
        Relation(source='a', target='b'),
        Group(['a', 'b']),
        Other('images.hologram', object()),
    ],
)
def test_what_is_right_passes_as_it_is(annotation: AnyAnnotation) -> None:
    sample = Sample('a', image=Path('a.png'), width=5, height=5, annotations=[annotation])
    (found,) = checked([sample], 'strange')
    assert found is sample
    assert found.annotations[0] is annotation


@pytest.mark.parametrize(
    ('annotation', 'expected'),
    [
        (Box(1, 2, 3, 4, label=3), '(box): label must be text, got 3 (int)'),  # type: ignore[arg-type]
        (Box(1, 2, 3, 4, id=7), '(box 7): id must be text, got 7 (int)'),  # type: ignore[arg-type]
        (Box(1, 2, 3, 4, id='b', label=None), "(box 'b'): label must be text, got None"),  # type: ignore[arg-type]
        (Box(1, 2, 3, 4, group=1), '(box): group must be text, got 1 (int)'),  # type: ignore[arg-type]
        (Box(1, 2, 3, 4, entry='0'), "(box): entry must be a whole number, 0 or more, got '0' (str)"),  # type: ignore[arg-type]
        (Box(1, 2, 3, 4, attributes=[]), '(box): attributes must be a dict, got [] (list)'),  # type: ignore[arg-type]
        (Box(1, 2, 3, 4, attributes={3: 'a'}), 'the name of an attribute must be text, got 3 (int)'),  # type: ignore[dict-item]
        (Box(1, 2, 3, 4, attributes={'a': NAN}), "attributes['a'] must be a value of JSON, got nan (float)"),
        (
            Box(1, 2, 3, 4, attributes={'a': object}),
            "attributes['a'] must be a value of JSON, got <class 'object'>",
        ),
        (Box(1, 2, 3, 4, extra=None), '(box): extra must be a dict, got None'),  # type: ignore[arg-type]
        (Box(1, 1, '5', 5), "(box): w must be a number, got '5' (str)"),  # type: ignore[arg-type]
        (Box(True, 1, 5, 5), '(box): x must be a number, got True (bool)'),
        (Polygon(SQUARE), '(polygon): parts must be a list of points (x, y), got 1 (int)'),  # type: ignore[arg-type]
        (Polygon('x'), "(polygon): parts must be a list of parts, each a list of rings, got 'x' (str)"),  # type: ignore[arg-type]
        (Polygon([[[(1, 2, 3)]]]), '(polygon): parts must be a list of points (x, y), got (1, 2, 3) (tuple)'),  # type: ignore[list-item]
        (Polygon([], box=(1, 2, 3)), '(polygon): box must be (x, y, w, h), got (1, 2, 3) (tuple)'),  # type: ignore[arg-type]
        (Polyline(None), '(polyline): points must be a list of points (x, y), got None'),  # type: ignore[arg-type]
        (Keypoint(1, 2, 3), '(keypoint): visibility must be 0, 1 or 2, got 3 (int)'),
        (Keypoints([(1, 2, 2)]), '(keypoints): points must be a Joint, got (1, 2, 2) (tuple)'),  # type: ignore[list-item]
        (Keypoints(None), '(keypoints): points must be a list, got None'),  # type: ignore[arg-type]
        (Keypoints([], names=[1]), '(keypoints): names[0] must be text, got 1 (int)'),  # type: ignore[list-item]
        (Mask([(-1, 5)]), '(mask): runs must be a list of runs (start, length), got [(-1, 5)] (list)'),
        (Mask([(1, 0)]), '(mask): runs must be a list of runs (start, length), got [(1, 0)] (list)'),
        (Mask([5]), '(mask): runs must be a list of runs (start, length), got [5] (list)'),  # type: ignore[list-item]
        (Relation(source=1, target='b'), '(relation): source must be text, got 1 (int)'),  # type: ignore[arg-type]
        (Group('ab'), "(group): members must be a list, got 'ab' (str)"),  # type: ignore[arg-type]
        (Other(5), '(5): tool must be text, got 5 (int)'),  # type: ignore[arg-type]
        ({'x': 1}, "(dict) must be an annotation, got {'x': 1} (dict)"),
    ],
)
def test_a_wrong_annotation_is_named_with_its_field(annotation: Any, expected: str) -> None:
    assert expected in wrong(annotation)


@pytest.mark.parametrize(
    ('answer', 'expected'),
    [
        (None, 'what `read` returned must be samples, got None'),
        ([5], 'sample 1 must be a Sample, got 5 (int)'),
        ([Sample('a'), None], 'sample 2 must be a Sample, got None'),
        ([Sample(5)], 'sample 5: id must be text, got 5 (int)'),  # type: ignore[arg-type]
        ([Sample('a', image=b'a.png')], "sample 'a': image must be text, got b'a.png' (bytes)"),  # type: ignore[arg-type]
        ([Sample('a', width=1.5)], "sample 'a': width must be a whole number, 0 or more, got 1.5 (float)"),  # type: ignore[arg-type]
        ([Sample('a', height=-1)], "sample 'a': height must be a whole number, 0 or more, got -1 (int)"),
        ([Sample('a', annotations=())], "sample 'a': annotations must be a list, got () (tuple)"),  # type: ignore[arg-type]
        ([Sample('a', extra=[])], "sample 'a': extra must be a dict, got [] (list)"),  # type: ignore[arg-type]
        ([Sample('a', split='foo')], "sample 'a': split must be train, valid, test or None, got 'foo' (str)"),
        ([Sample('a', split='')], "sample 'a': split must be train, valid, test or None, got '' (str)"),
        ([Sample('a', split=1)], "sample 'a': split must be train, valid, test or None, got 1 (int)"),  # type: ignore[arg-type]
        (
            [Sample('a' * 99 + '/x', split='foo' * 99)],
            f"split must be train, valid, test or None, got '{'foo' * 19}fo... (str)",
        ),
    ],
)
def test_a_wrong_sample_is_named_with_its_field(answer: Any, expected: str) -> None:
    assert expected in said(answer)


@pytest.mark.parametrize('number', ['float64', 'float32', 'int64'])
def test_numbers_and_arrays_of_numpy_are_to_be_made_python_s(number: str) -> None:
    numpy = pytest.importorskip('numpy')
    one = getattr(numpy, number)(1)
    message = wrong(Box(one, 2, 3, 4))
    assert 'must be a number, got ' in message
    assert f'({number})' in message
    assert 'must be a number, got ' in wrong(Polygon([[numpy.array(SQUARE, dtype=number)]]))
    fine = Polygon([[numpy.array(SQUARE, dtype=number).tolist()]])
    assert list(checked([Sample('a', annotations=[fine])], 'strange'))


@pytest.mark.parametrize('split', ['val', 'Validation', 'VALID', 'Train', 'training', 'testing', None])
@pytest.mark.parametrize('target', ['coco', 'dm'])
def test_the_name_of_a_split_is_spelled_so_that_it_is_found_again(
    split: str | None, target: str, tmp_path: Path
) -> None:
    (tmp_path / 'a.png').write_bytes(png(100, 80))
    strange = Strange([Sample('a', image=tmp_path / 'a.png', split=split, annotations=[CAR])])
    made = convert_dataset({'path': tmp_path, 'format': 'strange'}, target, tmp_path / 'out', strange)
    (found,) = open_dataset(made.dataset)
    names = {'v': 'valid', 't': 'train', 'n': None}
    assert found.split == ('test' if split == 'testing' else names[str(split)[0].lower()])


@pytest.mark.parametrize('kind', [Strange, InParts])
@pytest.mark.parametrize('target', ['coco', 'dm', 'yolo', 'imagefolder'])
def test_whoever_reads_is_to_blame_and_not_who_writes(
    kind: Callable[[Any], Format], target: str, tmp_path: Path
) -> None:
    (tmp_path / 'a.png').write_bytes(png(100, 80))
    labels: list[Any] = ['car', 3]
    strange = kind([Sample('a', tmp_path / 'a.png', annotations=[Box(1, 2, 3, 4, label=label) for label in labels])])
    with pytest.raises(
        WrongAnswer, match=r"'strange': sample 'a', annotation 2 \(box\): label must be text, got 3"
    ) as caught:
        convert_dataset({'path': tmp_path, 'format': 'strange'}, target, tmp_path / 'out', strange)
    notes = '\n'.join(caught.value.__notes__)
    assert f"while format 'strange' was reading {tmp_path}" in notes
    assert "in hook 'open_dataset'" in notes
    assert (caught.value.hook, caught.value.format, caught.value.field) == ('open_dataset', 'strange', 'label')


@pytest.mark.parametrize(
    ('info', 'expected'),
    [
        (5, 'what is declared must be a DatasetInfo, got 5 (int)'),
        (DatasetInfo(classes=('a', 3)), 'what is declared: classes[1] must be text, got 3 (int)'),  # type: ignore[arg-type]
        (DatasetInfo(splits={'foo': 3}), "what is declared: split must be train, valid, test or None, got 'foo' (str)"),
    ],
)
def test_a_wrong_declaration_is_named(info: Any, expected: str, tmp_path: Path) -> None:
    reader = FormatReader(Strange([], info), {'path': tmp_path, 'format': 'strange'})
    with pytest.raises(WrongAnswer) as caught:
        _ = reader.declared
    assert expected in caught.value.problem


def test_the_splits_of_a_declaration_are_spelled_as_ours(tmp_path: Path) -> None:
    strange = Strange([], DatasetInfo(splits={'Train': 3, 'val': 2}))
    assert FormatReader(strange, {'path': tmp_path, 'format': 'strange'}).declared.splits == {'train': 3, 'valid': 2}


def test_a_reader_of_its_own_is_looked_at_too(converter: Converter, tmp_path: Path) -> None:
    class Reader:
        info = DatasetInfo(splits={'val': 1})
        report = None

        def __iter__(self) -> Iterator[Sample]:
            yield Sample('a', split='val', annotations=[CAR])
            yield Sample('b', split='foo', annotations=[CAR])

    class Plugin:
        @hookimpl
        def open_dataset(self, dataset: Dataset) -> Reader | None:
            return Reader() if dataset['format'] == 'own' else None

    converter.manager.register(Plugin())
    reader = open_reader(converter.manager.hook, {'path': tmp_path, 'format': 'own'})  # type: ignore[arg-type]
    assert reader.info.splits == {'valid': 1}
    assert next(iter(reader)).split == 'valid'
    with pytest.raises(
        WrongAnswer, match=r"format 'own': sample 'b': split must be train, valid, test or None, got 'foo'"
    ):
        converter(tmp_path, 'own', 'coco')


@pytest.mark.parametrize('target', ['coco', 'yolo'])
@pytest.mark.parametrize('task', ['detect', 'segment', 'obb'])
def test_numbers_that_cannot_be_computed_with_are_dropped_without_warnings_of_numpy(
    target: str, task: str, converter: Converter, tmp_path: Path
) -> None:
    huge = [box(1e308, 1, 1e308, 5), box(1e200, 1, 1, 1)]
    rings = [polygon([[1e308, 1], [-1e308, 5], [1e308, 1e308]]), polygon([[1e200, 1], [-1e200, 5], [1, 1e200]])]
    for split in ('train', 'valid'):
        add_item(tmp_path / split, split, {'bounding_box': [box(1, 1, 5, 5), *huge], 'polygon': rings})
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        converter(tmp_path, 'dm', target, target_task=task if target == 'yolo' else None)
    assert sum(converter.reasons('dropped').values()) == 8


@pytest.mark.parametrize('target', ['coco', 'yolo', 'dm'])
def test_numbers_that_are_not_finite_are_dropped_with_a_reason(target: str, tmp_path: Path) -> None:
    """They come from files: nobody's code is wrong."""
    (tmp_path / 'a.png').write_bytes(png(100, 80))
    ring = Polygon.simple([(1, 1), (INF, 2), (3, 3)], label='car')
    lost: list[AnyAnnotation] = [Box(NAN, 1, 5, 5, label='car'), ring]
    lost += [Polyline([(1, 1), (NAN, 2)]), Keypoint(1, -INF)] if target == 'dm' else []
    samples = [Sample('a', tmp_path / 'a.png', split=split, annotations=[CAR, *lost]) for split in ('train', 'valid')]
    made = convert_dataset({'path': tmp_path, 'format': 'strange'}, target, tmp_path / 'out', Strange(samples))
    told = {(loss['reason'], loss['count']) for loss in made.losses['dropped']}
    assert told == {('a coordinate is not finite', 2)}
    assert len(made.losses['dropped']) == len(lost)
    assert [len(sample.annotations) for sample in open_dataset(made.dataset)] == [1, 1]
