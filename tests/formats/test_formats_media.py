"""Items that are not images: their medium, and what each format does with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from synapse_hooks.data import MEDIA, Classification, LossReport, Medium, Sample
from synapse_hooks.data.batch import Batch
from synapse_hooks.errors import DatasetInvalid, LossRefused, WrongAnswer
from synapse_hooks.formats.dm.document import read_document, write_document
from tests.formats.format_kit import Converter, add_item, box, builtin, read_all, tree, write_dm

ROWS: dict[str, tuple[Medium, str, dict[str, Any]]] = {
    'videos': ('video', '.mp4', {'segmentation': [{'id': 'v', 'classification': 'turn', 'data': {'startFrame': 1}}]}),
    'pcds': ('point_cloud', '.pcd', {'3d_bounding_box': [{'id': 'p', 'classification': 'car', 'data': {}}]}),
    'audios': ('audio', '.wav', {'segmentation': [{'id': 'a', 'classification': 'bark', 'data': {'start': 1}}]}),
    'texts': ('text', '.txt', {'named_entity': [{'id': 't', 'classification': 'name', 'data': {}}]}),
    'prompts': ('prompt', '.json5', {'prompt': []}),
    'datas': ('data', '.csv', {'time_range': [{'id': 'd', 'classification': 'peak', 'data': {}}]}),
}
"""What a document calls each medium, the medium, the extension of its file, and what is said of it."""


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """One item of each medium."""
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, 'photo', {'bounding_box': [box(1, 1, 5, 5)]})
    folder = tmp_path / 'dm' / 'train'
    for name, (_, suffix, entry) in ROWS.items():
        (folder / 'json' / f'{name}.json').write_text(json.dumps({name: [entry]}))
        (folder / 'original_files' / f'{name}{suffix}').write_bytes(name.encode())
    return tmp_path / 'dm'


def test_the_table_of_media_is_complete() -> None:
    assert {*MEDIA} == {*get_args(Medium)} == {'image', *(medium for medium, _, _ in ROWS.values())}


def test_dm_to_dm_keeps_every_medium(mixed: Path, tmp_path: Path) -> None:
    write_dm(read_all(builtin('dm'), mixed)[0], tmp_path / 'out')
    there, here = tree(tmp_path / 'out'), tree(mixed)
    assert there.keys() == here.keys()
    for file in here:
        if file.endswith('.json') and 'photo' not in file:
            assert json.loads(there[file]) == json.loads(here[file])
        elif not file.endswith('.json'):
            assert there[file] == here[file]


@pytest.mark.parametrize('target', ['yolo', 'coco'])
def test_formats_of_images_count_items_of_other_media(mixed: Path, converter: Converter, target: str) -> None:
    made = converter(mixed, 'dm', target)
    assert not [file for file in tree(made['path']) if Path(file).stem in ROWS]
    expected = {}
    for name, (medium, _, entry) in ROWS.items():
        reason = f'the item is {MEDIA[medium]}, not an image'
        expected[medium, reason] = 1
        expected |= {(f'{name}.{tool}', reason): len(rows) for tool, rows in entry.items() if rows}
    assert converter.reasons('dropped') == expected
    assert converter.losses['written'] == {'box': 2, **dict.fromkeys(_kinds(), 0)}
    with pytest.raises(LossRefused):
        converter(mixed, 'dm', target, strict=True)


def _kinds() -> list[str]:
    return [f'{name}.{tool}' for name, (_, _, entry) in ROWS.items() for tool, rows in entry.items() if rows]


def test_a_document_about_several_media_is_about_its_image() -> None:
    both, first = Sample('a'), Sample('b')
    read_document({'videos': [{}], 'images': [{}]}, both)
    read_document({'pcds': [], 'audios': [{}], 'videos': [{}]}, first)
    assert (both.medium, first.medium) == ('image', 'audio')


@pytest.mark.parametrize('name', ROWS)
def test_a_sample_of_another_format_keeps_its_medium_in_dm(name: str) -> None:
    medium, suffix, _ = ROWS[name]
    document = write_document(Sample('a', medium=medium, file=f'a{suffix}'), LossReport())
    again = Sample('a')
    read_document(document, again)
    assert again.medium == medium


def test_annotations_of_a_sample_of_another_format_do_not_make_it_an_image() -> None:
    street = Sample('a', medium='point_cloud', file='a.pcd', annotations=[Classification(label='street')])
    document = write_document(street, LossReport())
    assert {'images', 'pcds'} & document.keys() == {'pcds'}
    again = Sample('a')
    read_document(document, again)
    assert (again.medium, [one.kind for one in again.annotations]) == ('point_cloud', ['pcds.classification'])
    assert [one.label for one in again.annotations] == ['street']


def test_a_file_that_leads_out_of_the_dataset_is_not_given_away(mixed: Path, converter: Converter) -> None:
    secret = mixed.parent / 'secret'
    secret.write_text('key')
    file = mixed / 'train' / 'original_files' / 'pcds.pcd'
    file.unlink()
    file.symlink_to(secret)
    converter(mixed, 'dm', 'coco', unreadable='skip')
    assert 'leads out of the dataset' in converter.losses['unreadable']['examples'][0]['reason']
    assert ('point_cloud', 'the item is a point cloud, not an image') not in converter.reasons('dropped')


def test_a_changed_file_is_another_dataset(mixed: Path, converter: Converter) -> None:
    before = converter(mixed, 'dm', 'coco')['digest']
    (mixed / 'train' / 'original_files' / 'videos.mp4').write_bytes(b'another video')
    assert converter(mixed, 'dm', 'coco')['digest'] != before


def test_a_dataset_without_images_says_what_it_has(mixed: Path, converter: Converter) -> None:
    with pytest.raises(DatasetInvalid):
        converter(mixed, 'dm', 'imagefolder')


def test_a_batch_says_its_media() -> None:
    assert Batch.of_samples([Sample('a'), Sample('b', medium='text')]).media == {'image', 'text'}


def test_an_unknown_medium_is_named() -> None:
    from synapse_hooks.conversion.validation import checked

    wrong: Any = 'film'
    with pytest.raises(WrongAnswer, match=r"medium must be one of image, video, .* got 'film'"):
        next(checked([Sample('a', medium=wrong)], 'acme'))
