"""Reading and writing CVAT for images, through the hooks that synapse-hooks calls."""

from __future__ import annotations

import math
import os
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from synapse_hooks_cvat import DOCUMENT, CvatFormat

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    DatasetInfo,
    Joint,
    Keypoint,
    Keypoints,
    LossReport,
    Mask,
    Polygon,
    Polyline,
    RotatedBox,
    Sample,
    Unreadable,
)
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.testing import FormatConformance, check_distribution, png, small_samples

META = """<meta><task><id>4</id><name>a task</name><mode>annotation</mode><labels>
<label><name>car</name><type>any</type><attributes>
  <attribute><name>parked</name><input_type>checkbox</input_type></attribute>
  <attribute><name>doors</name><input_type>number</input_type></attribute>
  <attribute><name>colour</name><input_type>select</input_type></attribute>
</attributes></label>
<label><name>body</name><type>skeleton</type><attributes></attributes><svg>&lt;line/&gt;</svg></label>
<label><name>head</name><type>points</type><parent>body</parent></label>
<label><name>foot</name><type>points</type><parent>body</parent></label>
<label><name>sunny</name><type>tag</type></label>
<label><name>ant</name></label>
</labels></task><dumped>2024</dumped></meta>"""


def image(name: str = 'a.png', *shapes: str, size: str = 'width="100" height="80"', **more: str) -> str:
    attributes = ''.join(f' {key}="{value}"' for key, value in more.items())
    return f'<image id="0" name="{name}"{attributes} {size}>\n{"".join(shapes)}</image>\n'


def put(root: Path, *images: str, meta: str = META, files: tuple[str, ...] = ('images/a.png',)) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(100, 80))
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}\n{"".join(images)}'
    (root / DOCUMENT).write_text(f'{text}</annotations>\n', encoding='utf-8')
    return root


def read(root: Path) -> tuple[list[Sample], LossReport]:
    report = LossReport()
    return list(CvatFormat().bound(report=report, unreadable=Unreadable('skip', report)).read(root)), report


def read_one(tmp_path: Path, *shapes: str) -> tuple[list[AnyAnnotation], LossReport]:
    (sample,), report = read(put(tmp_path, image('a.png', *shapes)))
    return sample.annotations, report


def write(out: Path, *annotations: AnyAnnotation, split: str | None = None) -> LossReport:
    file = out.parent / 'source.png'
    file.write_bytes(png(100, 80))
    report = LossReport()
    sample = Sample('a', image=file, width=100, height=80, split=split, annotations=[*annotations])
    out.mkdir()
    CvatFormat().bound(report=report).write(iter([sample]), DatasetInfo(classes=('ant', 'car')), out)
    return report


def test_every_shape_becomes_its_annotation(tmp_path: Path) -> None:
    found, report = read_one(
        tmp_path,
        '<box label="car" occluded="0" xtl="10.0" ytl="20.5" xbr="40" ybr="60" z_order="0" source="manual"></box>',
        '<box label="car" xtl="10" ytl="20" xbr="40" ybr="60" rotation="90.0"></box>',
        '<polygon label="car" points="1.00,1.00;9.00,1.00;9.00,9.00" z_order="0"></polygon>',
        '<polyline label="lane" points="1,1;2,2"></polyline>',
        '<points label="wheel" points="7,8" occluded="1"></points>',
        '<tag label="sunny" source="manual"></tag>',
        '<skeleton label="body" z_order="0"><points label="head" occluded="1" outside="0" points="5,6"></points>'
        '<points label="foot" occluded="0" outside="1" points="0,0"></points></skeleton>',
        '<mask label="ant" rle="1, 2, 1, 2" left="10" top="20" width="3" height="2"></mask>',
    )
    assert found == [
        Box(10, 20.5, 30, 39.5, id='1', label='car'),
        RotatedBox(10, 20, 30, 40, math.pi / 2, id='2', label='car'),
        Polygon.simple([(1, 1), (9, 1), (9, 9)], id='3', label='car'),
        Polyline([(1, 1), (2, 2)], id='4', label='lane'),
        Keypoint(7, 8, 1, id='5', label='wheel'),
        Classification(id='6', label='sunny'),
        Keypoints([Joint(5, 6, 1), Joint(0, 0, 0)], names=['head', 'foot'], id='7', label='body'),
        Mask([(2011, 2), (2111, 2)], id='8', label='ant'),
    ]
    assert report.empty


def test_an_ellipse_is_a_polygon_and_counted(tmp_path: Path) -> None:
    (turned,), report = read_one(tmp_path, '<ellipse label="car" cx="50" cy="40" rx="20" ry="5" rotation="90"/>')
    assert isinstance(turned, Polygon)
    xs, ys = zip(*turned.rings[0], strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((45, 55, 20, 60), abs=0.1)
    assert [(loss.fate, loss.kind) for loss in report.losses.values()] == [('converted', 'ellipse')]


def test_attributes_have_the_types_of_their_label(tmp_path: Path) -> None:
    attributes = {'parked': 'true', 'doors': '4', 'colour': 'red', 'unknown': '7'}
    inner = ''.join(f'<attribute name="{name}">{value}</attribute>' for name, value in attributes.items())
    (box,), report = read_one(
        tmp_path,
        f'<box label="car" occluded="1" z_order="3" source="auto" group_id="2" xtl="0" ytl="0" xbr="9" ybr="9">{inner}'
        '</box>',
    )
    given = {'parked': True, 'doors': 4, 'colour': 'red', 'unknown': '7'}
    assert box.attributes == {'occluded': True, 'z_order': 3, 'source': 'auto', **given}
    assert box.group == '2'
    assert report.empty


def test_points_that_were_drawn_together_stay_together(tmp_path: Path) -> None:
    found, _ = read_one(tmp_path, '<points label="wheel" points="1,2;3,4"/>', '<points label="wheel" points="5,6"/>')
    assert [(one.id, one.group) for one in found] == [('1.1', 'points 1'), ('1.2', 'points 1'), ('2', None)]


def test_classes_are_the_labels_of_objects_in_their_order(tmp_path: Path) -> None:
    info = CvatFormat().declare(put(tmp_path, image()))
    assert info.classes == ('car', 'body', 'ant')
    assert info.skeletons == {'body': ('head', 'foot')}
    assert CvatFormat().declare(put(tmp_path, image(), meta='')).classes is None
    project = META.replace('task>', 'project>')
    assert CvatFormat().declare(put(tmp_path, image(), meta=project)).classes == info.classes


def test_subsets_are_splits(tmp_path: Path) -> None:
    images = [image(f'{subset}.png', subset=subset) for subset in ('Train', 'Validation', 'other')]
    root = put(tmp_path, *images, files=('images/Train/Train.png', 'images/Validation/Validation.png', 'other.png'))
    samples, report = read(root)
    assert [(sample.id, sample.split) for sample in samples] == [('Train', 'train'), ('Validation', 'valid')]
    assert [(loss.fate, loss.examples[0]['file']) for loss in report.losses.values()] == [('dropped', 'other.png')]
    undivided = put(tmp_path, image('other.png', subset='other'))
    assert [sample.split for sample in read(undivided)[0]] == [None]


@pytest.mark.parametrize('place', ['images/cam/a.png', 'cam/a.png', 'a.png', 'photos/a.png'])
def test_images_are_looked_for_by_name(tmp_path: Path, place: str) -> None:
    (sample,), report = read(put(tmp_path, image('cam/a.png'), files=(place,)))
    assert sample.file == os.fspath(tmp_path / place)
    assert sample.id == 'cam/a'
    assert bool(report.losses) == ('cam' not in place)


def test_no_name_leads_out_of_the_dataset(tmp_path: Path) -> None:
    (tmp_path / 'secret.png').write_bytes(png(100, 80))
    names = ['../secret.png', f'{tmp_path}/secret.png', '..', '', 'x' * 300 + '.png']
    (tmp_path / 'set').mkdir()
    images = [*(image(name) for name in names), image('secret.png', subset='..')]
    samples, report = read(put(tmp_path / 'set', *images, files=()))
    assert not samples
    assert report.unreadable_count == len(images)


def test_an_image_of_another_size_scales_what_was_drawn_on_it(tmp_path: Path) -> None:
    box = '<box label="car" xtl="20" ytl="20" xbr="190" ybr="40"/>'
    (sample,), report = read(put(tmp_path, image('a.png', box, size='width="200" height="160"')))
    (found,) = sample.annotations
    assert isinstance(found, Box)
    assert (found.x, found.y, found.w, found.h) == (10, 10, 85, 10)
    assert [loss.fate for loss in report.losses.values()] == ['converted']


@pytest.mark.parametrize(
    ('shape', 'reason'),
    [
        ('<cuboid label="car" xtl1="1"/>', 'a cuboid has no place in a sample'),
        ('<blob label="car"/>', '<blob> is not a known type of shape'),
        ('<box label="car" xtl="1" ytl="1" xbr="9"/>', "'ybr' is missing"),
        ('<box label="car" xtl="one" ytl="1" xbr="9" ybr="9"/>', 'could not convert'),
        ('<polygon label="car" points="1,1;2"/>', 'not enough values'),
        ('<polygon label="car"/>', "'points' is missing"),
        ('<ellipse label="car" cx="1" cy="1" rx="1e300" ry="1"/>', 'its radius is 1e+300 pixels'),
        ('<ellipse label="car" cx="1" cy="1" rx="nan" ry="1"/>', 'malformed'),
        ('<skeleton label="body"><points label="head" points="1,1;2,2"/></skeleton>', 'too many values'),
        ('<mask label="ant" rle="1, 2" left="0" top="0" width="2" height="2"/>', 'its runs have 3 pixels'),
        ('<mask label="ant" rle="-1, 5" left="0" top="0" width="2" height="2"/>', 'its runs have 4 pixels'),
        ('<mask label="ant" rle="" left="0" top="0" width="2" height="2"/>', 'malformed'),
        (f'<mask label="ant" rle="{"9" * 5000}" left="0" top="0" width="2" height="2"/>', 'malformed'),
    ],
)
def test_a_broken_shape_spoils_no_other(tmp_path: Path, shape: str, reason: str) -> None:
    whole = '<box label="car" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    found, report = read_one(tmp_path, whole, shape, whole)
    assert [one.id for one in found] == ['1', '3']
    (loss,) = report.losses.values()
    assert (loss.fate, loss.kind, loss.examples[0]['id']) == ('dropped', 'shape', '2')
    assert reason in loss.reason


def test_a_mask_far_larger_than_its_image_is_cut_and_counted(tmp_path: Path) -> None:
    huge = 10**9
    (mask,), report = read_one(
        tmp_path, f'<mask label="ant" rle="0, {huge * huge}" left="98" top="78" width="{huge}" height="{huge}"/>'
    )
    assert isinstance(mask, Mask)
    assert mask.runs == [(7898, 2), (7998, 2)]
    assert [(loss.fate, loss.kind) for loss in report.losses.values()] == [('converted', 'mask')]


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('<annotations><image id="0" name="a.png">', 'no element found'),
        ('<!DOCTYPE x [<!ENTITY a "b">]><annotations>&a;</annotations>', 'document type'),
        ('<annotation/>', 'it holds <annotation>, not <annotations>'),
        ('', 'no element found'),
        ('<?xml version="1.0" encoding="x-unknown"?><annotations/>', 'unknown encoding'),
        ('<annotations>' + '<a>' * 50, 'nested deeper than 16'),
        ('<annotations><image id="0" name="a.png">' + '<tag/>' * 200_001, 'has more than 200,000 in it'),
    ],
)
def test_an_invalid_or_hostile_file_is_an_error_of_the_package(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / DOCUMENT).write_text(text)
    with pytest.raises(DatasetInvalid) as caught:
        read(tmp_path / DOCUMENT)
    assert reason in caught.value.problem
    assert caught.value.hint


def test_a_folder_with_several_files_needs_the_name_of_one(tmp_path: Path) -> None:
    put(tmp_path, image())
    (tmp_path / 'one.xml').write_bytes((tmp_path / DOCUMENT).read_bytes())
    (tmp_path / DOCUMENT).rename(tmp_path / 'two.xml')
    assert CvatFormat().recognise(tmp_path)
    with pytest.raises(DatasetInvalid, match=r'several: one\.xml, two\.xml'):
        read(tmp_path)
    assert len(read(tmp_path / 'one.xml')[0]) == 1


def test_videos_are_not_recognised_and_tracks_are_counted(tmp_path: Path) -> None:
    put(tmp_path, '<track id="3" label="car"><box frame="0" xtl="0" ytl="0" xbr="1" ybr="1"/></track>', image())
    assert not CvatFormat().recognise(tmp_path)
    samples, report = read(tmp_path / DOCUMENT)
    assert len(samples) == 1
    assert [(loss.kind, loss.examples[0]['id']) for loss in report.losses.values()] == [('track', '3')]


def test_a_missing_or_damaged_image_is_an_unreadable_item(tmp_path: Path) -> None:
    put(tmp_path, image('gone.png'), image('torn.png'), image('a.png'))
    (tmp_path / 'images/torn.png').write_bytes(b'')
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['a']
    assert report.unreadable_count == 2
    with pytest.raises(UnreadableItem, match=r'gone\.png'):
        list(CvatFormat().bound(report=LossReport()).read(tmp_path))


# -- writing -------------------------------------------------------------------------------------------------------


def test_what_is_written_is_what_cvat_takes(tmp_path: Path) -> None:
    report = write(
        tmp_path / 'out',
        Box(10, 20.5, 30, 39.5, label='car', group='g', attributes={'occluded': True, 'doors': 4, 'parked': False}),
        RotatedBox(10, 20, 30, 40, math.pi / 2, label='car', group='g'),
        Keypoints([Joint(1, 2), Joint(3, 4, 0)], names=['head'], label='ant'),
        Mask([(2011, 2), (2111, 2)], label='ant'),
        Mask([(805, 2), (885, 2)], columns=True, label='ant'),
        Classification(label='sunny & <warm>'),
        split='valid',
    )
    root = ElementTree.parse(tmp_path / 'out' / DOCUMENT).getroot()
    labels = [
        (label.findtext('name'), label.findtext('type'), label.findtext('parent')) for label in root.iter('label')
    ]
    assert labels == [
        ('ant', 'any', None),
        ('head', 'points', 'ant'),
        ('2', 'points', 'ant'),
        ('car', 'bbox', None),
        ('sunny & <warm>', 'tag', None),
    ]
    (found,) = root.iterfind('image')
    assert found.attrib == {'id': '0', 'name': 'a.png', 'subset': 'valid', 'width': '100', 'height': '80'}
    assert (tmp_path / 'out/images/valid/a.png').is_file()
    box, turned, skeleton, mask, columns, tag = found
    assert box.attrib == {
        'label': 'car', 'group_id': '1', 'occluded': '1', 'xtl': '10', 'ytl': '20.5', 'xbr': '40', 'ybr': '60'
    }  # fmt: skip
    assert [(one.get('name'), one.text) for one in box] == [('doors', '4'), ('parked', 'false')]
    assert (turned.get('rotation'), turned.get('group_id')) == ('90', '1')
    assert [joint.get('outside') for joint in skeleton] == ['0', '1']
    assert mask.get('rle') == '0, 4'
    assert (mask.get('left'), mask.get('top'), mask.get('width'), mask.get('height')) == ('11', '20', '2', '2')
    assert (columns.get('left'), columns.get('top'), columns.get('width'), columns.get('height')) == (
        '10',
        '5',
        '2',
        '2',
    )
    assert tag.attrib == {'label': 'sunny & <warm>'}
    assert report.lossless
    assert [file.name for file in (tmp_path / 'out').iterdir() if file.is_file()] == [DOCUMENT]


@pytest.mark.parametrize(
    ('annotation', 'fate'),
    [
        (Box(math.nan, 0, 1, 1, label='car'), 'dropped'),
        (Box(0, 0, 9, 9, label='a\x00b'), 'dropped'),
        (Polygon([[[(1, 1), (50, 1), (50, 50)], [(20, 10), (30, 10), (30, 20)]]], label='car'), 'converted'),
        (Polyline([], label='lane'), 'dropped'),
        (Keypoint(1, 1, 0, label='wheel'), 'dropped'),
        (Keypoints([Joint(1, 1)], box=(0, 0, 9, 9), label='ant'), 'converted'),
        (Mask([(7999, 9)], label='ant'), 'converted'),
    ],
)
def test_what_cvat_cannot_hold_is_counted(tmp_path: Path, annotation: AnyAnnotation, fate: str) -> None:
    report = write(tmp_path / 'out', annotation)
    assert [(loss.fate, loss.kind) for loss in report.losses.values()] == [(fate, annotation.kind)]
    assert len(read(tmp_path / 'out')[0][0].annotations) == (fate == 'converted')


@pytest.mark.parametrize(
    'attributes',
    [
        {'text': ' a "b" <c> & d\r\n\t', 'yes': True, 'no': False, 'whole': 7, 'part': 0.25, 'like': '7'},
        {'z_order': -2, 'source': 'semi-auto', 'iscrowd': True},
    ],
)
def test_attributes_come_back_as_they_were(tmp_path: Path, attributes: dict[str, Any]) -> None:
    report = write(tmp_path / 'out', Box(1, 1, 9, 9, label='car', attributes=attributes))
    assert report.empty
    assert read(tmp_path / 'out')[0][0].annotations[0].attributes == attributes


def test_attributes_that_xml_or_a_label_cannot_hold_are_reported(tmp_path: Path) -> None:
    attributes: dict[str, Any] = {
        'list': [1],
        'none': None,
        'nan': math.nan,
        'bell': '\x07',
        'occluded': False,
        'source': 1,
    }
    other = Box(1, 1, 9, 9, label='car', attributes={'mixed': 1})
    report = write(tmp_path / 'out', other, Box(1, 1, 9, 9, label='car', attributes={**attributes, 'mixed': 'one'}))
    assert report.attributes == dict.fromkeys([*attributes, 'mixed'], 1)


class TestBoxesAndPolygons(FormatConformance):
    format = CvatFormat()


class TestRotatedBoxes(FormatConformance):
    format = CvatFormat()
    # TestBoxesAndPolygons tries them.
    fuzz_seconds = 0
    bytes_per_sample = None

    def samples(self, folder: Path) -> list[Sample]:
        return small_samples(folder, 'rotated_box')


class TestSkeletons(FormatConformance):
    format = CvatFormat()
    # The document is read as a whole, and a skeleton is many elements.
    bytes_per_sample = 65_536

    def samples(self, folder: Path) -> list[Sample]:
        return small_samples(folder, 'keypoints')


class TestClassifications(FormatConformance):
    format = CvatFormat()
    # TestBoxesAndPolygons tries them.
    fuzz_seconds = 0
    bytes_per_sample = None

    def samples(self, folder: Path) -> list[Sample]:
        return small_samples(folder, 'classification')


def test_the_distribution_is_sound_where_it_is_installed() -> None:
    if not entry_points(group='synapse_hooks.formats', name='cvat'):
        pytest.skip('synapse-hooks-cvat is not installed here')
    assert check_distribution('synapse-hooks-cvat') == {'cvat': ('convert', 'open_dataset')}
