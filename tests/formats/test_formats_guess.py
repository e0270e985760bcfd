"""What is said of a folder that no format recognises: what is in it, what it looks like, and what to do."""

from __future__ import annotations

import json
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats import BUILTIN, Format, guess_format
from synapse_hooks.formats.guess import locate_dataset
from tests.formats.coco_kit import content, entry, put
from tests.formats.format_kit import builtin, png

BUILT_IN = [builtin(name) for name in BUILTIN]


class Cvat(Format):
    name = 'cvat'


def refused(path: Path, *more: Format) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as caught:
        guess_format(path, [*BUILT_IN, *more])
    return caught.value


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / 'set/images').mkdir(parents=True)
    for number in range(3):
        (tmp_path / f'set/images/{number}.png').write_bytes(png(10, 10))
    return tmp_path / 'set'


XML = '<?xml version="1.0"?>\n'
VIA = {'a.png1': {'filename': 'a.png', 'regions': [{'shape_attributes': {'name': 'rect'}}]}}
VIA_CSV = 'filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n'
OTHERS: list[tuple[str, object, str]] = [
    (
        'annotations.xml',
        f'{XML}<annotations>\n<version>1.1</version><image id="0" name="a"/>',
        'CVAT for images 1.1: `pip install synapse-hooks-cvat`, or export as COCO',
    ),
    (
        'annotations.xml',
        f'{XML}<annotations><meta/><track id="0" label="a"></track></annotations>',
        'CVAT for video 1.1, which is not read: export as CVAT for images',
    ),
    (
        'images/0.xml',
        '<annotation verified="yes">\n<folder/><filename>0.png</filename></annotation>',
        'Pascal VOC: `pip install synapse-hooks-voc`',
    ),
    (
        'images/0.json',
        {'shapes': [], 'imagePath': '0.png', 'imageData': None},
        'LabelMe: `pip install synapse-hooks-labelme`',
    ),
    (
        'x.json',
        [{'image': 'a', 'annotations': [{'label': 'a', 'coordinates': {'x': 1}}]}],
        'Create ML: `pip install synapse-hooks-createml`',
    ),
    ('via_project.json', {'_via_settings': {}, '_via_img_metadata': {}}, 'VGG Image Annotator (JSON)'),
    ('via.json', VIA, 'VGG Image Annotator (JSON)'),
    ('via.csv', VIA_CSV, 'VGG Image Annotator (CSV)'),
    ('set.vott', {'name': 's', 'assets': {}, 'tags': []}, 'VoTT'),
    ('set-export.json', {'assets': {'x': {'asset': {}, 'regions': []}}, 'tags': []}, 'VoTT'),
    ('set-export.csv', '"image","xmin","ymin","xmax","ymax","label"\n', 'VoTT (CSV)'),
    ('labels.csv', 'car,10,20,30,40,a.png,100,80\n', 'makesense (CSV)'),
    ('_annotations.csv', 'filename,width,height,class,xmin,ymin,xmax,ymax\n', 'Roboflow or TensorFlow (CSV)'),
    ('train-00000-of-00001.tfrecord', '', 'TFRecord'),
    ('meta.json', {'classes': [], 'tags': [], 'projectType': 'images'}, 'Supervisely'),
    (
        'project.json',
        [{'id': 1, 'annotations': [{'result': []}], 'data': {}}],
        'Label Studio (JSON): `pip install synapse-hooks-labelstudio`',
    ),
    (
        'oidv6-train-annotations-bbox.csv',
        'ImageID,Source,LabelName,Confidence,XMin,XMax\n',
        'Open Images (CSV): `pip install synapse-hooks-openimages`',
    ),
    (
        'label_2/000000.txt',
        'Car 0.00 0 1.55 10.0 20.0 40.5 60.0 1.5 1.6 3.9 -2.2 1.55 20.1 1.44\n',
        'KITTI: `pip install synapse-hooks-kitti`',
    ),
    ('default.json', {'info': {}, 'infos': {}, 'categories': {}, 'items': []}, 'Datumaro'),
]


@pytest.mark.parametrize(('file', 'said', 'hint'), OTHERS, ids=[hint.partition(':')[0] for _, _, hint in OTHERS])
def test_formats_of_others_are_named_with_a_way_out(root: Path, file: str, said: object, hint: str) -> None:
    (root / file).parent.mkdir(exist_ok=True)
    (root / file).write_text(said if isinstance(said, str) else json.dumps(said))
    error = refused(root)
    assert f'it looks like {hint}' in error.hint
    assert 'has none of the known formats' in error.problem


def test_a_format_that_is_installed_is_not_to_be_installed(root: Path) -> None:
    (root / 'annotations.xml').write_text('<annotations><image id="0"/></annotations>')
    assert refused(root, Cvat()).hint == 'it looks like CVAT for images 1.1: name the format with `--from cvat`'


def test_the_error_lists_what_is_there(root: Path) -> None:
    (root / 'result.json').write_text(json.dumps({'one': 1, 'two': 2}))
    (root / 'many.json').write_text(json.dumps([{'key': 1}]))
    (root / 'readme.md').write_text('')
    (root / 'images/x.xml').write_text('')
    problem = refused(root).problem
    assert '2 .json files and 1 .md file, 1 .xml file beside 3 images in images/' in problem
    assert 'many.json (a list of objects with the keys key)' in problem
    assert refused(root / 'result.json').problem.endswith('it is a file of 20 bytes (an object with the keys one, two)')


def test_an_empty_folder_is_said_to_be_one(tmp_path: Path) -> None:
    assert refused(tmp_path).problem.endswith('it has no file')


def test_what_is_near_is_said(root: Path) -> None:
    (root / 'labels').mkdir()
    assert 'Write classes.txt beside images/ and labels/' in refused(root).hint


def test_names_of_a_dataset_reach_the_message_without_control_characters(root: Path) -> None:
    (root / 'images\x1b[2J').mkdir()
    (root / 'images\x1b[2J/a.b\x07').write_text('')
    (root / 'a\x1b.json').write_text(json.dumps({'k\x1b[2Jey': 1}))
    assert '\x1b' not in refused(root).problem
    assert '\x07' not in refused(root).problem


def test_pipes_large_files_and_many_files_do_not_hold_it_up(root: Path) -> None:
    os.mkfifo(root / 'a.json')
    os.mkfifo(root / 'a.xml')
    (root / 'b.json').write_bytes(b'{"a": ' + b'[' * (5 << 20))
    deep = root
    for _ in range(30):
        deep = deep / 'd'
        deep.mkdir()
    assert '2 .json files' in refused(root).problem


# -- a folder too deep, an archive ---------------------------------------------------------------------------------


def put_set(folder: Path) -> Path:
    put(folder / 'annotations.json', content([entry(1)], ['a.png']))
    return folder


@pytest.mark.parametrize('above', ['My Set', 'one/two/My Set'])
def test_the_only_dataset_in_a_folder_is_gone_on_with(tmp_path: Path, above: str) -> None:
    put_set(tmp_path / above)
    (tmp_path / 'README.roboflow.txt').write_text('')
    (tmp_path / '__MACOSX').mkdir()
    assert locate_dataset(tmp_path, BUILT_IN) == (tmp_path / above, 'coco')
    assert locate_dataset(tmp_path / above, BUILT_IN) == (tmp_path / above, 'coco')


@pytest.mark.parametrize('case', ['too deep', 'loose images', 'another format', 'a part of one'])
def test_there_is_no_going_on_where_it_is_not_clear(tmp_path: Path, case: str) -> None:
    put_set(tmp_path / {'too deep': '1/2/3/4', 'a part of one': 'images'}.get(case, 'one'))
    if case == 'loose images':
        (tmp_path / 'a.png').write_bytes(png(1, 1))
    if case == 'another format':
        (tmp_path / 'annotations.xml').write_text('<annotations><image id="0"/></annotations>')
    with pytest.raises(DatasetInvalid, match='has none of the known formats'):
        locate_dataset(tmp_path, BUILT_IN)


def test_several_datasets_in_a_folder_are_to_be_chosen_from(tmp_path: Path) -> None:
    for name in ('one', 'two'):
        put_set(tmp_path / name)
    with pytest.raises(DatasetInvalid, match=r'several datasets in it: `one/` \(coco\), `two/` \(coco\)') as caught:
        locate_dataset(tmp_path, BUILT_IN)
    assert caught.value.hint == f'name one of them: {tmp_path / "one"}'


def test_an_archive_in_what_was_named_is_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / 'export.zip', 'w') as file:
        file.writestr('a', '')
    assert 'export.zip in it is an archive: unpack that one' in refused(tmp_path).hint


def test_what_is_neither_a_file_nor_a_folder_is_said_to_be(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    assert refused(tmp_path / 'pipe').problem.endswith('it is neither a file nor a folder')


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / 'my set.zip', 'w') as file:
        file.writestr('a', '')
    with tarfile.open(tmp_path / 'b.tar.gz', 'w:gz'):
        pass
    (tmp_path / 'c.7z').write_bytes(b'7z')
    for name, command in (
        ('my set.zip', f"unzip '{tmp_path}/my set.zip' -d 'my set'"),
        ('b.tar.gz', f'mkdir b && tar -xf {tmp_path}/b.tar.gz -C b'),
        ('c.7z', f'7z x {tmp_path}/c.7z -oc'),
    ):
        error = refused(tmp_path / name)
        assert error.problem == f'{tmp_path / name} is an archive'
        assert error.hint == f'unpack it: `{command}`'


@pytest.mark.parametrize('head', [{'dm_format_version': '1.0', 'infos': {}}, {'info': {}}])
def test_a_document_of_datumaro_is_not_taken_for_one_of_coco(tmp_path: Path, head: dict[str, object]) -> None:
    items = [{'id': 'a', 'annotations': [], 'image': {'path': 'a.png'}}]
    said = {**head, 'categories': {'label': {'labels': [{'name': 'car'}]}}, 'items': items}
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations/default.json').write_text(json.dumps(said))
    assert 'it looks like Datumaro, which is not read' in refused(tmp_path).hint


class Careless(Format):
    name = 'careless'

    def recognise(self, path: Path) -> bool:
        raise KeyError('shape')


def test_a_format_that_fails_while_it_is_asked_is_named(root: Path) -> None:
    with pytest.raises(KeyError) as caught:
        guess_format(root, [*BUILT_IN, Careless()])
    notes = '\n'.join(caught.value.__notes__)
    assert f"format 'careless' was asked whether it recognises {root}" in notes
    assert '`--from`' in notes
