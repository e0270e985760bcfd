"""Images whose path was written on another computer: found where only one can be meant, and reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats import BUILTIN, guess_format
from synapse_hooks.formats.lookup import ImageLookup, plain_parts
from tests.formats.coco_kit import COCO, content, entry, read
from tests.formats.format_kit import Converter, builtin, info_of, png

NOT_IN = 'its path is not in the dataset: the only image of that name is used'


def put_images(root: Path, *names: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(100, 80))


def put_coco(root: Path, names: list[str], file: str = 'result.json') -> Path:
    annotations = [entry(number, image=number) for number, _ in enumerate(names, 1)]
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(content(annotations, names), indent=1))
    return root


def recognised(path: Path) -> str:
    return guess_format(path, [builtin(name) for name in BUILTIN])


@pytest.mark.parametrize(
    ('told', 'there'),
    [
        ('..\\..\\label-studio\\media\\upload\\4\\a-shot.png', 'images/a-shot.png'),
        ('/media/me/DISK/set/a.png', 'a.png'),
        ('C:\\data\\b.png', 'b.png'),
        ('https://host/x/c.png?token=1', 'c.png'),
        ('/data/upload/4/d.png', 'images/d.png'),
        ('/data/local-files/?d=set/my%20d.png', 'images/my d.png'),
        ('my%20photo.png', 'my photo.png'),
        ('e.png/../f.png', 'f.png'),
        ('file:///C:/set/g.png', 'g.png'),
        ('/x/h%20i.png', 'h%20i.png'),
    ],
)
def test_a_path_of_another_computer_finds_its_image_and_that_is_reported(tmp_path: Path, told: str, there: str) -> None:
    put_images(tmp_path, there)
    (sample,), report = read(put_coco(tmp_path, [told]))
    assert sample.file == str(tmp_path / there)
    assert [(loss.fate, loss.kind, loss.count) for loss in report.losses.values()] == [('repaired', 'image', 1)]
    assert next(iter(report.losses.values())).examples[0]['file'] == told


@pytest.mark.parametrize('name', ['images\\a.png', './images/a.png', 'images/a.png', 'a.png'])
def test_a_path_that_leads_to_its_image_is_no_repair(tmp_path: Path, name: str) -> None:
    put_images(tmp_path, 'images/a.png')
    (sample,), report = read(put_coco(tmp_path, [name]))
    assert sample.file == str(tmp_path / 'images/a.png')
    assert report.empty


def test_several_that_fit_are_named_and_none_is_taken(tmp_path: Path) -> None:
    put_images(tmp_path, '1/a.png', '2/a.png', '1/b.png', '2/b.png')
    samples, report = read(put_coco(tmp_path, ['/x/a.png', '/y/2/b.png']))
    assert [sample.file for sample in samples] == [str(tmp_path / '2/b.png')]
    assert report.unreadable_count == 1
    assert '2 images have that name: 1/a.png, 2/a.png' in report.unreadable_items[0]['reason']


def test_the_longest_end_of_a_path_that_is_there_decides(tmp_path: Path) -> None:
    put_images(tmp_path, *(f'{number}/left/rgb.png' for number in range(40)), 'left/rgb.png')
    told = [f'/mnt/set/{number}/left/rgb.png' for number in range(50)]
    lookup = ImageLookup(tmp_path, told)
    assert [lookup.find(path).file for path in told[:40]] == [f'{tmp_path}/{n}/left/rgb.png' for n in range(40)]
    with pytest.raises(LookupError, match=r'41 images have that name: .*, \.\.\.'):
        lookup.find(told[40])


def test_letters_of_another_case_find_the_only_image_that_a_disk_without_case_would(tmp_path: Path) -> None:
    put_images(tmp_path, 'Images/IMG_1.JPG', 'x/b.png', 'y/B.PNG', 'z/B.png', 'z/c.png')
    put_coco(tmp_path, ['images/img_1.jpg', 'X/b.PNG', 'w/b.PNG', 'C.png', 'z/c.png'])
    samples, report = read(tmp_path)
    assert [sample.file for sample in samples] == [
        str(tmp_path / name) for name in ('Images/IMG_1.JPG', 'x/b.png', 'z/c.png')
    ]
    assert 'small and capital letters' in report.summary()
    # Several fit `w/b.PNG`, and the image that `C.png` could be has a name of its own.
    assert report.to_dict()['unreadable']['count'] == 2


def test_two_paths_are_never_taken_for_one_image(tmp_path: Path) -> None:
    put_images(tmp_path, 'a.png')
    samples, report = read(put_coco(tmp_path, ['/upload/1/a.png', '/upload/2/a.png']))
    assert not samples
    assert '2 images of the dataset could be a.png' in report.unreadable_items[0]['reason']


def test_no_name_leads_out_of_the_dataset(tmp_path: Path) -> None:
    put_images(tmp_path, 'outside/secret.png', 'other/b.png')
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set/secret.png').symlink_to(tmp_path / 'outside/secret.png')
    (tmp_path / 'set/more').symlink_to(tmp_path / 'other')
    told = ['../outside/secret.png', str(tmp_path / 'other/b.png'), '..', 'a\0b.png', '%2e%2e/outside/secret.png']
    samples, report = read(put_coco(tmp_path / 'set', told))
    assert not samples
    assert report.unreadable_count == len(told)


def test_an_image_of_one_split_is_not_taken_for_one_of_another(tmp_path: Path) -> None:
    put_images(tmp_path, 'train/b.png', 'valid/a.png')
    put_coco(tmp_path, ['/x/a.png', '/x/b.png'], 'train/labels.json')
    put_coco(tmp_path, ['/x/a.png'], 'valid/labels.json')
    samples, report = read(tmp_path)
    assert [(sample.split, Path(sample.file).name) for sample in samples] == [('train', 'b.png'), ('valid', 'a.png')]
    assert report.unreadable_count == 1


def test_a_conversion_counts_each_repair_once(tmp_path: Path, converter: Converter) -> None:
    put_images(tmp_path / 'set', 'images/a.png', 'images/b.png')
    put_coco(tmp_path / 'set', ['/x/a.png', 'D:\\y\\b.png'])
    made = converter(tmp_path / 'set', 'coco', 'dm')
    assert converter.reasons('repaired') == {('image', NOT_IN): 2}
    assert sorted(file.name for file in Path(made['path']).rglob('*.png')) == ['a.png', 'b.png']


def test_a_path_is_as_deep_and_long_as_paths_are() -> None:
    assert len(plain_parts('a/' * 2000 + 'b.png')) == 32
    assert plain_parts('a/' * 5000) == ()
    with pytest.raises(LookupError):
        ImageLookup('/nowhere').find('http://[broken/a.png')


# -- files of any name ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'file', ['result.json', 'instances_default.json', 'my export.JSON', 'train/data.json', 'annotations/x.json']
)
def test_a_coco_file_of_any_name_is_recognised(tmp_path: Path, file: str) -> None:
    put_images(tmp_path, 'images/a.png')
    put_coco(tmp_path, ['a.png'], file)
    assert recognised(tmp_path) == 'coco'
    samples, report = read(tmp_path)
    assert [sample.file for sample in samples] == [str(tmp_path / 'images/a.png')]
    assert report.empty


def test_files_with_the_names_of_splits_are_the_splits(tmp_path: Path) -> None:
    put_images(tmp_path, 'images/a.png', 'images/b.png')
    put_coco(tmp_path, ['a.png'], 'train.json')
    put_coco(tmp_path, ['b.png'], 'val.json')
    put_coco(tmp_path, ['a.png', 'b.png'], 'all.json')
    samples, report = read(tmp_path)
    assert [(sample.split, sample.id) for sample in samples] == [('train', 'a'), ('valid', 'b')]
    assert [loss.examples[0]['file'] for loss in report.losses.values()] == ['all.json']


def test_several_files_that_do_not_say_what_they_are_must_be_chosen_from(tmp_path: Path) -> None:
    put_images(tmp_path, 'a.png')
    for name in ('one.json', 'two.json'):
        put_coco(tmp_path, ['a.png'], name)
    with pytest.raises(DatasetInvalid, match=r'has several COCO files: one\.json, two\.json') as caught:
        recognised(tmp_path)
    assert str(tmp_path / 'one.json') in caught.value.hint
    with pytest.raises(DatasetInvalid, match='has several COCO files'):
        info_of(COCO, tmp_path)
    assert recognised(tmp_path / 'two.json') == 'coco'


@pytest.mark.parametrize(
    'said',
    [
        {'categories': [{'id': 0, 'name': 'car'}], 'info': {'contributor': 'Label Studio'}},
        {'annotations': [], 'version': 1},
        {'images': []},
        [{'image_id': 1, 'category_id': 1, 'bbox': [1, 1, 2, 2], 'score': 0.5}],
    ],
)
def test_a_file_that_only_speaks_of_similar_things_is_none(tmp_path: Path, said: object) -> None:
    (tmp_path / 'notes.json').write_text(json.dumps(said))
    assert not COCO.recognise(tmp_path)
