"""Reading and writing VOC, through the hooks that synapse-hooks calls."""

from __future__ import annotations

import struct
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pluggy
import pytest
from synapse_hooks_voc import VocFormat

from synapse_hooks.context import Dataset, RuntimeContext, TrainContext
from synapse_hooks.data import Box, DatasetInfo, LossReport, Polygon, Sample, Unreadable
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats.dm import DmFormat
from synapse_hooks.hookspecs import HookSpecs
from synapse_hooks.testing import FormatConformance, check_distribution

OBJECT = """<object><name>{name}</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
<bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox>{more}</object>"""


def png(width: int = 100, height: int = 80) -> bytes:
    return b'\x89PNG\r\n\x1a\n' + struct.pack('>I4sII', 13, b'IHDR', width, height) + bytes(9)


def put(root: Path, id: str, *objects: str) -> None:
    for folder, suffix, content in (
        ('JPEGImages', '.png', png()),
        ('Annotations', '.xml', f'<annotation>{"".join(objects)}</annotation>'.encode()),
    ):
        file = root / folder / f'{id}{suffix}'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def voc_object(*box: float, name: str = 'cat', more: str = '') -> str:
    return OBJECT.format(*box, name=name, more=more)


def listed(root: Path, **lists: str) -> None:
    folder = root / 'ImageSets' / 'Main'
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in lists.items():
        (folder / f'{name}.txt').write_text(text)


def read(root: Path) -> tuple[list[Sample], LossReport]:
    report = LossReport()
    return list(VocFormat().bound(report=report, unreadable=Unreadable('skip', report)).read(root)), report


def convert(tmp_path: Path, dataset: Dataset, target: str, **params: Any) -> tuple[Dataset, list[dict[str, Any]]]:
    manager = pluggy.PluginManager('synapse_hooks')
    manager.add_hookspecs(HookSpecs)
    manager.register(VocFormat())
    manager.register(DmFormat())
    losses: list[dict[str, Any]] = []

    class Recorder:
        def record(self, type: str, payload: Any) -> None:
            if type == 'losses':
                losses.append(dict(payload))

    out = tmp_path / f'{target}-out'
    hooks: Any = manager.hook
    context = TrainContext(params, RuntimeContext(), hooks, recorder=Recorder(), output_dir=out)
    return hooks.convert(context=context, dataset=dataset, target_format=target), losses


def test_boxes_count_from_one_and_include_the_last_pixel(tmp_path: Path) -> None:
    put(tmp_path, 'a', voc_object(1, 1, 1, 1), voc_object(11, 21, 40, 60), voc_object(1, 1, 100, 80))
    (sample,), report = read(tmp_path)
    boxes = [(box.x, box.y, box.w, box.h) for box in sample.annotations if isinstance(box, Box)]
    assert boxes == [(0, 0, 1, 1), (10, 20, 30, 40), (0, 0, 100, 80)]
    assert sample.annotations[0].attributes == {'difficult': False, 'truncated': True, 'pose': 'Left'}
    assert report.lossless


def test_there_and_back(tmp_path: Path) -> None:
    put(tmp_path / 'voc', 'sub/a', voc_object(11, 21, 40, 60), voc_object(1, 1, 2, 2, name='big dog'))
    put(tmp_path / 'voc', 'b c')
    listed(tmp_path / 'voc', train='sub/a\n', val='b c\n', trainval='sub/a\nb c\n', cat_train='sub/a 1\n')
    there, losses = convert(tmp_path, {'path': tmp_path / 'voc', 'format': 'voc'}, 'dm')
    assert there['splits'] == {'train': 1, 'valid': 1}
    assert there['classes'] == ['big dog', 'cat']
    back, more = convert(tmp_path, there, 'voc')
    assert [report['converted'] + report['dropped'] for report in losses + more] == [[], []]
    before, after = read(tmp_path / 'voc')[0], read(back['path'])[0]
    assert (
        [(s.id, s.split) for s in before] == [(s.id, s.split) for s in after] == [('sub/a', 'train'), ('b c', 'valid')]
    )
    for old, new in zip(before[0].annotations, after[0].annotations, strict=True):
        assert isinstance(old, Box)
        assert isinstance(new, Box)
        assert (old.x, old.y, old.w, old.h, old.label) == (new.x, new.y, new.w, new.h, new.label)
        assert new.attributes == {**old.attributes, 'occluded': False}
    assert (back['path'] / 'ImageSets' / 'Main' / 'trainval.txt').read_text() == 'sub/a\nb c\n'


def test_what_voc_cannot_say_is_counted(tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_bytes(png())
    shapes = [
        Box(10.4, 20, 30, 40, id='fraction', label='cat', attributes={'color': 'red'}),
        Box(10, 20, 30, 40, id='whole', label='cat'),
        Box(99.7, 79.7, 9, 9, id='edge', label='cat'),
        Polygon.simple([(0, 0), (50, 0), (50, 40)], id='area', label='cat'),
    ]
    sample = Sample('a', image=tmp_path / 'a.png', width=100, height=80, annotations=[*shapes])
    report = LossReport()
    VocFormat().bound(report=report).write(iter([sample]), DatasetInfo(), tmp_path / 'out')
    assert {(loss.kind, loss.reason) for loss in report.losses.values()} == {
        ('box', 'voc counts whole pixels: rounded'),
        ('box', "cut at the image's edge"),
        ('polygon', 'voc holds boxes: its enclosing box'),
    }
    assert report.attributes == {'color': 1}
    (again,), _ = read(tmp_path / 'out')
    boxes = [(box.x, box.y, box.w, box.h) for box in again.annotations if isinstance(box, Box)]
    assert boxes == [(10, 20, 30, 40), (10, 20, 30, 40), (99, 79, 1, 1), (0, 0, 50, 40)]


def test_equal_names_in_two_splits_stay_apart(tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_bytes(png())
    samples = [Sample('a', image=tmp_path / 'a.png', width=9, height=9, split=split) for split in ('train', 'valid')]
    VocFormat().write(iter(samples), DatasetInfo(), tmp_path / 'out')
    assert [(sample.id, sample.split) for sample in read(tmp_path / 'out')[0]] == [('a', 'train'), ('a_val', 'valid')]


def test_parts_and_unlisted_items_are_counted(tmp_path: Path) -> None:
    put(tmp_path, 'a', voc_object(1, 1, 9, 9, more='<part><name>head</name></part>'))
    put(tmp_path, 'b')
    listed(tmp_path, train='a\n')
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['a']
    assert {(loss.kind, loss.examples[0]['id'] or loss.examples[0]['file']) for loss in report.losses.values()} == {
        ('part', 'head'),
        ('image', 'b'),
    }


@pytest.mark.parametrize(
    'content',
    [
        '',
        '<annotation>',
        '<html/>',
        '<!DOCTYPE annotation [<!ENTITY e "e">]><annotation><object><name>&e;</name></object></annotation>',
        '<annotation><object><name>x</name></object></annotation>',
        '<annotation>' + OBJECT.format(1, 'x', 2, 2, name='cat', more='') + '</annotation>',
        '<annotation>' + OBJECT.format(1, 'inf', 2, 2, name='cat', more='') + '</annotation>',
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    put(tmp_path, 'a')
    (tmp_path / 'Annotations' / 'a.xml').write_text(content)
    with pytest.raises(UnreadableItem, match=r'a\.xml'):
        list(VocFormat().read(tmp_path))


def test_names_that_lead_outside_are_refused(tmp_path: Path) -> None:
    put(tmp_path / 'voc', 'a', '<filename>../../secret.png</filename>')
    listed(tmp_path / 'voc', train='a\n../../a\n')
    samples, report = read(tmp_path / 'voc')
    assert [sample.image for sample in samples] == [tmp_path / 'voc' / 'JPEGImages' / 'a.png']
    assert report.unreadable_count == 1


def test_entities_are_refused_in_any_encoding(tmp_path: Path) -> None:
    put(tmp_path, 'a')
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE annotation [<!ENTITY e "e">]><annotation/>'
    (tmp_path / 'Annotations' / 'a.xml').write_bytes(text.encode('utf-16'))
    with pytest.raises(UnreadableItem, match='document type'):
        list(VocFormat().read(tmp_path))


def test_an_items_name_says_which_image_is_its_own(tmp_path: Path) -> None:
    put(tmp_path, 'a', '<filename>b.png</filename>')
    put(tmp_path, 'b')
    put(tmp_path, 'c', '<filename>kept.png</filename>')
    (tmp_path / 'JPEGImages' / 'c.png').rename(tmp_path / 'JPEGImages' / 'kept.png')
    put(tmp_path, '[d]')
    (tmp_path / 'JPEGImages' / '[d].png').rename(tmp_path / 'JPEGImages' / '[d].PNG')
    names = {sample.id: sample.image.name for sample in read(tmp_path)[0] if sample.image}
    assert names == {'a': 'a.png', 'b': 'b.png', 'c': 'kept.png', '[d]': '[d].PNG'}


def test_order_fractions_and_empty_flags_as_they_are_found(tmp_path: Path) -> None:
    found = """<object><bndbox><ymax>60.5</ymax><xmax>40.25</xmax><ymin>21</ymin><xmin>11.5</xmin></bndbox><pose/>
    <truncated/><difficult>1</difficult><occluded>0</occluded><name>
      cat
    </name><actions><running>1</running></actions></object>"""
    put(tmp_path, 'a', '<segmented/>', found)
    (sample,), report = read(tmp_path)
    (box,) = sample.annotations
    assert isinstance(box, Box)
    assert (box.x, box.y, box.w, box.h, box.label) == (10.5, 20, 29.75, 40.5, 'cat')
    assert box.attributes == {'difficult': True, 'occluded': False}
    assert report.attributes == {'actions': 1}


def test_a_list_of_both_is_for_training_where_only_a_test_list_is_beside_it(tmp_path: Path) -> None:
    for id in ('a', 'photo 1', 'c'):
        put(tmp_path, id)
    listed(tmp_path, trainval='a\nphoto 1\n', test='c\n')
    samples, report = read(tmp_path)
    assert [(sample.id, sample.split) for sample in samples] == [('a', 'train'), ('photo 1', 'train'), ('c', 'test')]
    assert report.lossless
    (tmp_path / 'ImageSets' / 'Main' / 'test.txt').unlink()
    assert [(sample.id, sample.split) for sample in read(tmp_path)[0]] == [('a', None), ('c', None), ('photo 1', None)]


def test_masks_are_counted(tmp_path: Path) -> None:
    put(tmp_path, 'a', '<segmented>1</segmented>')
    (tmp_path / 'SegmentationObject').mkdir()
    (tmp_path / 'SegmentationObject' / 'a.png').write_bytes(png())
    _, report = read(tmp_path)
    assert [(loss.fate, loss.kind, loss.examples[0]['file']) for loss in report.losses.values()] == [
        ('dropped', 'file', 'a.png')
    ]


def test_text_that_xml_cannot_hold(tmp_path: Path) -> None:
    (tmp_path / 'a&b.png').write_bytes(png())
    boxes = [
        Box(1, 1, 9, 9, label='a < b & "c"', attributes={'pose': '<Left>', 'truncated': 'half', 'difficult': 1}),
        Box(1, 1, 9, 9, label='bell\a'),
        Box(1, 1, 9, 9, label='cat', attributes={'pose': 'no\0'}),
    ]
    report = LossReport()
    sample = Sample('a&b', image=tmp_path / 'a&b.png', width=100, height=80, annotations=[*boxes])
    VocFormat().bound(report=report).write(iter([sample]), DatasetInfo(), tmp_path / 'out')
    assert [(loss.fate, loss.kind, loss.count) for loss in report.losses.values()] == [('dropped', 'box', 1)]
    assert report.attributes == {'truncated': 1, 'pose': 1}
    (again,), _ = read(tmp_path / 'out')
    assert [shape.label for shape in again.annotations] == ['a < b & "c"', 'cat']
    assert again.annotations[0].attributes['pose'] == '<Left>'


def test_a_folder_that_is_no_voc(tmp_path: Path) -> None:
    assert not VocFormat().recognise(tmp_path)
    with pytest.raises(DatasetInvalid, match='Annotations/'):
        read(tmp_path)
    put(tmp_path, 'a')
    assert VocFormat().recognise(tmp_path)


def test_it_is_found_by_its_entry_point_once_installed() -> None:
    found = [entry for entry in entry_points(group='synapse_hooks.formats') if entry.name == 'voc']
    if not found:
        pytest.skip('synapse-hooks-voc is not installed here')
    assert found[0].load() is VocFormat
    assert check_distribution('synapse-hooks-voc') == {'voc': ('convert', 'open_dataset')}


class TestVoc(FormatConformance):
    """What every format promises."""

    format = VocFormat()


@pytest.mark.parametrize('corners', [(30, 30, 11, 11), (30, 11, 11, 30), (11, 30, 30, 11)])
def test_corners_in_reverse_are_sorted_before_anything_else(tmp_path: Path, corners: tuple[float, ...]) -> None:
    put(tmp_path, 'a', voc_object(11, 11, 30, 30), voc_object(*corners))
    (sample,), report = read(tmp_path)
    boxes = [(box.x, box.y, box.w, box.h) for box in sample.annotations if isinstance(box, Box)]
    assert boxes == [(10, 10, 20, 20), (10, 10, 20, 20)]
    (repaired,) = report.to_dict()['repaired']
    assert (repaired['kind'], repaired['examples']) == ('box', [{'file': 'a', 'id': '2'}])


@pytest.mark.parametrize(
    ('declared', 'corners', 'found', 'fates'),
    [
        ('100 80', (71, 11, 95, 30), (70, 10, 25, 20), []),
        ('80 100', (71, 11, 95, 30), (70, 10, 25, 20), ['repaired']),
        ('64 64', (71, 11, 95, 30), (70, 10, 25, 20), ['repaired']),
        ('200 160', (141, 21, 190, 60), (70, 10, 25, 20), ['converted']),
        ('0 0', (71, 11, 95, 30), (70, 10, 25, 20), []),
        ('wide high', (71, 11, 95, 30), (70, 10, 25, 20), []),
    ],
)
def test_a_declared_size_that_the_image_does_not_have(
    tmp_path: Path, declared: str, corners: tuple[float, ...], found: tuple[float, ...], fates: list[str]
) -> None:
    width, height = declared.split()
    put(tmp_path, 'a', f'<size><width>{width}</width><height>{height}</height></size>', voc_object(*corners))
    (sample,), report = read(tmp_path)
    (box,) = sample.annotations
    assert isinstance(box, Box)
    assert (box.x, box.y, box.w, box.h) == found
    assert (sample.width, sample.height) in ((0, 0), (100, 80))
    assert [loss.fate for loss in report.losses.values()] == fates


# -- as other tools lay it out -------------------------------------------------------------------------------------


def put_beside(root: Path, name: str, *, suffix: str = '.jpg') -> None:
    """As Roboflow writes it: the sides of a box in another order, and a path that says nothing."""
    root.mkdir(parents=True, exist_ok=True)
    (root / f'{name}{suffix}').write_bytes(png())
    box = '<xmin>11</xmin><xmax>30</xmax><ymin>11</ymin><ymax>40</ymax>'
    (root / f'{name}.xml').write_text(
        f'<annotation><folder></folder><filename>{name}{suffix}</filename><path>C:\\set\\{name}{suffix}</path>'
        f'<source><database>roboflow.com</database></source><object><name>car</name><bndbox>{box}</bndbox></object>'
        '</annotation>'
    )


def test_annotation_files_beside_the_images_of_splits_are_read(tmp_path: Path) -> None:
    for split in ('train', 'valid', 'test'):
        for name in ('a_jpg.rf.0123', 'b'):
            put_beside(tmp_path / split, name)
    (tmp_path / 'README.roboflow.txt').write_text('')
    assert VocFormat().recognise(tmp_path)
    samples, report = read(tmp_path)
    expected = [(split, id) for split in ('train', 'valid', 'test') for id in ('a_jpg.rf.0123', 'b')]
    assert [(sample.split, sample.id) for sample in samples] == expected
    assert samples[0].annotations == [Box(10, 10, 20, 30, id='1', label='car')]
    assert report.empty


def test_annotation_files_beside_all_images_are_read_and_images_without_one_counted(tmp_path: Path) -> None:
    put_beside(tmp_path, 'a', suffix='.JPG')
    put_beside(tmp_path / 'more', 'b')
    (tmp_path / 'c.png').write_bytes(png())
    assert VocFormat().recognise(tmp_path)
    samples, report = read(tmp_path)
    assert [(sample.split, sample.id) for sample in samples] == [(None, 'a'), (None, 'more/b')]
    assert [(loss.kind, loss.examples[0]['file']) for loss in report.losses.values()] == [('image', 'c.png')]


def test_folders_of_other_names_are_the_same(tmp_path: Path) -> None:
    put(tmp_path, 'a', voc_object(1, 1, 2, 2))
    (tmp_path / 'JPEGImages').rename(tmp_path / 'images')
    (tmp_path / 'Annotations').rename(tmp_path / 'annotations')
    assert VocFormat().recognise(tmp_path)
    assert [sample.id for sample in read(tmp_path)[0]] == ['a']


@pytest.mark.parametrize('text', ['<annotations><image id="0"/></annotations>', '<html/>', ''])
def test_xml_of_others_beside_images_is_not_taken(tmp_path: Path, text: str) -> None:
    (tmp_path / 'a.png').write_bytes(png())
    (tmp_path / 'a.xml').write_text(text)
    assert not VocFormat().recognise(tmp_path)
    samples, report = read(tmp_path)
    assert not samples
    assert report.unreadable_count == 1


def test_a_dataset_all_in_folders_is_read_where_it_is_named(tmp_path: Path) -> None:
    put_beside(tmp_path / 'cam1', 'a')
    put_beside(tmp_path / 'cam2', 'a')
    assert [sample.id for sample in read(tmp_path)[0]] == ['cam1/a', 'cam2/a']


@pytest.mark.parametrize(
    'content',
    [
        b'<?xml version="1.0" encoding="foo-bar"?><annotation/>',
        b'<?xml version="1.0" encoding="hex"?><annotation/>',
        b'<annotation>' + b'<a>' * (2 << 20),
        b'<annotation><filename>a.' + b'a' * 300 + b'</filename></annotation>',
        b'<annotation>' + b'<object>' * 5000,
    ],
    ids=['unknown encoding', 'no text encoding', 'too large', 'a name too long', 'deep'],
)
def test_a_document_that_is_made_to_do_harm_costs_its_item(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, 'a', voc_object(1, 1, 9, 9))
    put(tmp_path, 'b')
    (tmp_path / 'Annotations' / 'b.xml').write_bytes(content)
    (tmp_path / 'JPEGImages' / 'b.png').unlink()
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['a']
    assert report.unreadable_count == 1


def test_a_list_that_is_not_utf_8_is_an_error_of_the_package(tmp_path: Path) -> None:
    put(tmp_path, 'a', voc_object(1, 1, 9, 9))
    listed(tmp_path, train='a\n')
    (tmp_path / 'ImageSets' / 'Main' / 'train.txt').write_bytes(b'\xff\xfe\n1\n')
    with pytest.raises(DatasetInvalid, match=r'train\.txt'):
        read(tmp_path)


@pytest.mark.parametrize('beside', [False, True])
def test_files_that_macos_leaves_beside_others_are_not_read(tmp_path: Path, beside: bool) -> None:
    put(tmp_path, 'a', voc_object(11, 11, 30, 30))
    images, documents = (tmp_path, tmp_path) if beside else (tmp_path / 'JPEGImages', tmp_path / 'Annotations')
    for file in [*tmp_path.glob('*/*')] if beside else ():
        file.rename(tmp_path / file.name)
        file.parent.rmdir()
    for file in (documents / '._a.xml', images / '._a.png', documents / '__MACOSX/a.xml'):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b'\0\5\x16\7')
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['a']
    assert report.total('dropped') == report.total('doubtful') == 0
    assert VocFormat().recognise(tmp_path)
