"""Image folders: which class an image has, what cannot be a folder, and what is no image folder at all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import Classification, DatasetInfo, LossReport, Sample
from synapse_hooks.errors import DatasetInvalid, ParamsError
from synapse_hooks.formats import FormatReader
from synapse_hooks.formats.imagefolder import ImageFolderFormat
from synapse_hooks.formats.imagefolder.names import class_folders
from synapse_hooks.storage import folded
from synapse_hooks.testing import convert_dataset
from tests.formats.format_kit import Converter, add_item, box, png, read_all, source_of, tree


def put(root: Path, *names: str, content: bytes | None = None) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(64, 32) if content is None else content)
    return root


def reader(root: Path) -> FormatReader:
    return FormatReader(ImageFolderFormat(), {'path': root, 'format': 'imagefolder'})


def seen(root: Path) -> list[tuple[str | None, str, str]]:
    """Split, id and class of every sample."""
    return [(sample.split, sample.id, sample.annotations[0].label) for sample in reader(root)]


def dropped(report: LossReport) -> dict[tuple[str, str], int]:
    return {(loss['kind'], loss['reason']): loss['count'] for loss in report.to_dict()['dropped']}


def whole(label: str, id: str = 'c1', **attributes: Any) -> dict[str, Any]:
    attrs = [{'name': name, 'value': value} for name, value in attributes.items()]
    return {'id': id, 'classification': label, 'attrs': attrs, 'data': {}}


def add(root: Path, stem: str, *labels: str, suffix: str = '.png', **more: Any) -> None:
    rows = [whole(label, f'c{number}') for number, label in enumerate(labels)]
    add_item(root, stem, {'classification': rows, **more}, suffix=suffix)


def files(root: Path) -> list[str]:
    return list(tree(root))


# -- reading -----------------------------------------------------------------------------------------------------------


def test_a_class_is_a_folder(tmp_path: Path) -> None:
    root = put(tmp_path, 'dog/1.jpg', 'Cat/1.JPG', 'Cat/deep/er/1.png', 'Cat/2.jpeg')
    assert seen(root) == [
        (None, 'Cat/1', 'Cat'),
        (None, 'Cat/2', 'Cat'),
        (None, 'Cat/deep/er/1', 'Cat'),
        (None, 'dog/1', 'dog'),
    ]
    (first, *_) = reader(root)
    assert (first.image, first.width, first.height) == (root / 'Cat' / '1.JPG', 64, 32)


@pytest.mark.parametrize('valid', ['val', 'valid', 'validation'])
def test_classes_are_those_of_all_splits(tmp_path: Path, valid: str) -> None:
    root = put(tmp_path, 'train/cat/1.jpg', f'{valid}/dog/1.jpg', 'test/cat/1.jpg')
    (root / 'train' / 'ape').mkdir()
    info = reader(root).info
    assert info.classes == ('ape', 'cat', 'dog')
    assert (info.count, info.splits) == (3, {'train': 1, 'valid': 1, 'test': 1})
    assert (info.kinds, info.labels) == ({'classification': 3}, {'classification': {'cat', 'dog'}})
    assert seen(root) == [('train', 'cat/1', 'cat'), ('valid', 'dog/1', 'dog'), ('test', 'cat/1', 'cat')]


def test_a_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    assert seen(put(tmp_path / 'flat', 'train/1.jpg', 'tram/1.jpg')) == [
        (None, 'train/1', 'train'),
        (None, 'tram/1', 'tram'),
    ]
    assert seen(put(tmp_path / 'divided', 'train/train/1.jpg')) == [('train', 'train/1', 'train')]


def test_equal_stems_in_one_class_stay_apart(tmp_path: Path) -> None:
    root = put(tmp_path, 'cat/1.jpg', 'cat/1.png', 'cat/1.k.jpg', 'cat/a:b.jpg', 'cat/a_b.jpg', 'c:/1.jpg', 'c_/1.jpg')
    ids = [id for _, id, _ in seen(root)]
    assert ids == ['c_/1', 'c_~1/1', 'cat/1', 'cat/1.k', 'cat/1.png', 'cat/a_b', 'cat/a_b.jpg']


def test_what_is_no_image_or_in_no_class_is_counted(tmp_path: Path) -> None:
    root = put(tmp_path, 'train/cat/1.jpg', 'train/loose.png', 'root.png', 'unsorted/1.jpg', 'val/2.jpg')
    put(root, 'train/cat/notes.txt', 'train/list.csv', 'README.md', 'train/cat/.DS_Store', '.git/1.jpg', content=b'x')
    opened = reader(root)
    assert [sample.id for sample in opened] == ['cat/1']
    assert dropped(opened.report) == {
        ('file', 'it is not an image'): 2,
        ('image', 'it is not in the folder of a class'): 3,
        ('image', 'it is not in a split, while others are'): 1,
    }


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    root = put(tmp_path / 'data', 'cat/1.jpg')
    put(tmp_path / 'elsewhere', '1.jpg')
    (root / 'cat' / 'more').symlink_to(tmp_path / 'elsewhere')
    (root / 'cat' / 'again').symlink_to(root / 'cat')
    assert [id for _, id, _ in seen(root)] == ['cat/1', 'cat/more/1']


def test_a_damaged_image_is_an_unreadable_item(tmp_path: Path) -> None:
    root = put(tmp_path, *(f'cat/{number:03}.jpg' for number in range(150)))
    put(root, 'cat/077.jpg', content=b'')
    opened = reader(root)
    assert len(list(opened)) == 149
    assert opened.report.to_dict()['unreadable']['count'] == 1


def test_any_stretch_of_the_items_can_be_read_by_itself(tmp_path: Path) -> None:
    root = put(tmp_path, *(f'{split}/{name}/{n}.jpg' for split in ('train', 'val') for name in 'abc' for n in range(4)))
    put(root, 'train/a/notes.txt', content=b'')
    (root / 'train' / 'aa').mkdir()
    every, report = read_all(ImageFolderFormat(), root)
    source = source_of(ImageFolderFormat(), root)
    assert source.count == len(every) == 24
    for step in (1, 3, 5, 24, 100):
        batches = [batch for start in range(0, 24, step) for batch in source.read(range(start, start + step))]
        assert [sample for batch in batches for sample in batch.samples] == every
    assert dropped(report) == {('file', 'it is not an image'): 1}


@pytest.mark.parametrize('names', [[], ['1.jpg']])
def test_a_folder_without_classes_is_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(DatasetInvalid, match='no folder of a class'):
        list(reader(put(tmp_path, *names)))


def test_two_folders_for_one_split_are_refused(tmp_path: Path) -> None:
    root = put(tmp_path, 'train/cat/1.jpg', 'val/cat/1.jpg', 'valid/cat/1.jpg')
    with pytest.raises(DatasetInvalid, match='val/ and valid/ are both the split valid'):
        list(reader(root))


# -- writing -----------------------------------------------------------------------------------------------------------


def test_images_go_into_the_folder_of_their_class(tmp_path: Path, converter: Converter) -> None:
    for split, stem, label in (
        ('train', '1', 'cat'),
        ('train', 'a/1', 'dog'),
        ('valid', 'b', 'cat'),
        ('test', 'c', 'cat'),
    ):
        add(tmp_path / 'dm' / split, stem, label, suffix='.JPG')
    made = converter(tmp_path / 'dm', 'dm', 'imagefolder', strict=True)
    assert made['config_path'] is None
    assert made['splits'] == {'train': 2, 'valid': 1, 'test': 1}
    assert files(made['path']) == ['test/cat/c.JPG', 'train/cat/1.JPG', 'train/dog/a/1.JPG', 'val/cat/b.JPG']
    image = tmp_path / 'dm' / 'train' / 'original_files' / '1.JPG'
    assert (made['path'] / 'train' / 'cat' / '1.JPG').samefile(image)
    assert converter.losses['written'] == {'classification': 4}


def test_every_split_has_a_folder_for_every_class(tmp_path: Path, converter: Converter) -> None:
    add(tmp_path / 'dm' / 'train', '1', 'cat')
    add(tmp_path / 'dm' / 'train', '2', 'ape')
    add(tmp_path / 'dm' / 'valid', '3', 'cat')
    made = converter(tmp_path / 'dm', 'dm', 'imagefolder', dataset={'classes': ['zebra', 'cat']})
    for split in ('train', 'val'):
        assert sorted(folder.name for folder in (made['path'] / split).iterdir()) == ['ape', 'cat', 'zebra']
    assert reader(made['path']).info.classes == ('ape', 'cat', 'zebra')


def test_what_an_image_folder_cannot_say_is_dropped_and_counted(tmp_path: Path, converter: Converter) -> None:
    dm = tmp_path / 'dm'
    add(dm, 'one', 'dog', bounding_box=[box(1, 1, 5, 5)])
    add(dm, 'two', 'dog', 'cat', 'cat')
    add(dm, 'objects', bounding_box=[box(1, 1, 5, 5)])
    add(dm, 'background')
    add_item(dm, 'animation', {'classification': [whole('cat')]}, suffix='.gif')
    gif = b'GIF89a\x20\0\x10\0' + bytes(30)
    (dm / 'original_files' / 'animation.gif').write_bytes(gif)
    add_item(dm, 'attributes', {'classification': [whole('dog', weather='rain')]}, suffix='.jfif')
    (dm / 'json' / 'video.json').write_text(json.dumps({'videos': [{'classification': [whole('x')]}]}))
    made = converter(dm, 'dm', 'imagefolder')
    assert files(made['path']) == ['cat/two.png', 'dog/attributes.png', 'dog/one.png']
    assert converter.losses['written']['classification'] == 3
    assert converter.losses['attributes'] == {'weather': 1}
    assert converter.reasons('dropped') == {
        ('box', 'an image folder holds classes of whole images'): 2,
        ('classification', 'an image is in the folder of one class only'): 1,
        ('classification', 'the image has that class already'): 1,
        ('classification', 'torchvision reads no .gif images'): 1,
        ('image', 'it has no class of the whole image'): 2,
        ('image', 'torchvision reads no .gif images'): 1,
        ('video', 'the item is a video, not an image'): 1,
        ('videos.classification', 'the item is a video, not an image'): 1,
    }


def test_of_several_classes_the_first_in_their_order_is_written(tmp_path: Path, converter: Converter) -> None:
    add(tmp_path / 'dm', '1', 'b', 'a')
    add(tmp_path / 'dm', '2', 'a', 'b')
    made = converter(tmp_path / 'dm', 'dm', 'imagefolder')
    assert files(made['path']) == ['a/1.png', 'a/2.png']


def test_classes_of_objects_alone_get_no_folder(tmp_path: Path, converter: Converter) -> None:
    add(tmp_path / 'dm', '1', 'day', bounding_box=[box(1, 1, 5, 5, 'car'), box(1, 1, 5, 5, 'day', 'b2')])
    made = converter(tmp_path / 'dm', 'dm', 'imagefolder')
    assert [folder.name for folder in made['path'].iterdir()] == ['day']


def test_a_dataset_of_objects_has_nothing_for_an_image_folder(tmp_path: Path, converter: Converter) -> None:
    add(tmp_path / 'dm', '1', bounding_box=[box(1, 1, 5, 5)])
    with pytest.raises(DatasetInvalid, match="none of its annotations can be expressed in 'imagefolder'"):
        converter(tmp_path / 'dm', 'dm', 'imagefolder')


def test_another_task_is_refused(tmp_path: Path, converter: Converter) -> None:
    add(tmp_path / 'dm', '1', 'cat')
    with pytest.raises(ParamsError, match="image folders are for classify, not 'detect'"):
        converter(tmp_path / 'dm', 'dm', 'imagefolder', target_task='detect')
    assert files(converter(tmp_path / 'dm', 'dm', 'imagefolder', target_task='classify')['path']) == ['cat/1.png']


def test_the_classes_are_in_the_order_of_their_folders() -> None:
    info = DatasetInfo(
        classes=('zebra', 'car', 'ape'),
        splits={},
        labels={'classification': frozenset({'a/b'}), 'box': frozenset({'car'})},
    )
    assert ImageFolderFormat().sink(WriteContext(Path(), Options())).classes(info) == ('a/b', 'ape', 'zebra')


# -- names -------------------------------------------------------------------------------------------------------------

ODD = [
    'a/b',
    '..',
    '.hidden',
    '',
    ' ',
    'x' * 300,
    'CON',
    'nul.txt',
    'Cat',
    'cat',
    'tab\t',
    'dot.',
    'c:d',
    '\udcff',
    'train',
]


def test_odd_names_of_classes_become_folders_and_come_back(tmp_path: Path) -> None:
    samples = []
    for number, label in enumerate([*ODD, 'plain', '검은 고양이']):
        put(tmp_path, f'{number}.png')
        samples.append(Sample(f'{number}', tmp_path / f'{number}.png', annotations=[Classification(label=label)]))
    out = tmp_path / 'out'
    made = convert_dataset(samples, 'imagefolder', out, classes=None)
    names = [folder.name for folder in out.iterdir() if folder.is_dir()]
    assert len({folded(name) for name in names}) == len(samples)
    assert {'plain', '검은 고양이'} < set(names)
    (loss,) = made.losses['converted']
    assert (loss['kind'], loss['count']) == ('classification', len(ODD))
    found = {Path(id).name: label for _, id, label in seen(out)}
    assert found == {sample.id: sample.annotations[0].label for sample in samples}


def test_the_names_are_kept_only_where_they_are_needed(tmp_path: Path, converter: Converter) -> None:
    add(tmp_path / 'dm', '1', 'Cat')
    assert not (converter(tmp_path / 'dm', 'dm', 'imagefolder')['path'] / 'classes.json').exists()


def test_a_class_called_like_a_split_keeps_its_name_in_a_split() -> None:
    assert class_folders(['train', 'classes.json'], divided=True)['train'] == 'train'
    assert class_folders(['train'], divided=False)['train'] != 'train'


def test_no_class_gets_the_folder_of_another() -> None:
    wanted = class_folders(['a/b'], divided=True)['a/b']
    both = class_folders(['a/b', wanted], divided=True)
    assert len(set(both.values())) == 2


def test_a_foreign_file_of_names_is_let_be_and_a_damaged_one_refused(tmp_path: Path) -> None:
    root = put(tmp_path, 'cat/1.jpg')
    for said in (['cat'], {'0': 'cat'}):
        (root / 'classes.json').write_text(json.dumps(said))
        assert seen(root) == [(None, 'cat/1', 'cat')]
    for text in ('{', '{"folders": ["cat"]}', '{"folders": {"cat": 3}}'):
        (root / 'classes.json').write_text(text)
        with pytest.raises(DatasetInvalid, match=r'classes\.json'):
            seen(root)


# -- there and back ----------------------------------------------------------------------------------------------------


def test_there_and_back(tmp_path: Path, converter: Converter) -> None:
    for split in ('train', 'valid'):
        for stem, label in (('a/1', 'cat'), ('b/1', 'cat'), ('1', 'Dog'), ('2', 'big cat')):
            add(tmp_path / 'dm' / split, stem, label)
    there = converter(tmp_path / 'dm', 'dm', 'imagefolder', strict=True)
    back = converter(there['path'], 'imagefolder', 'dm', strict=True)
    assert back['splits'] == {'train': 4, 'valid': 4}
    found = {
        (sample.split, sample.id): sample.annotations[0].label
        for sample in converter.manager.hook.open_dataset(dataset=back)
    }
    assert {(split, id.partition('/')[2]): label for (split, id), label in found.items()} == {
        (split, stem): label
        for split in ('train', 'valid')
        for stem, label in (('a/1', 'cat'), ('b/1', 'cat'), ('1', 'Dog'), ('2', 'big cat'))
    }
    again = converter(back['path'], 'dm', 'imagefolder', strict=True)
    assert tree(again['path']) == tree(there['path'])


def test_two_images_that_meet_in_one_folder_are_both_kept(tmp_path: Path, converter: Converter) -> None:
    add(tmp_path / 'dm', '1', 'cat')
    add(tmp_path / 'dm', 'cat/1', 'cat')
    made = converter(tmp_path / 'dm', 'dm', 'imagefolder')
    assert files(made['path']) == ['cat/1.png', 'cat/1~2.png']


# -- recognising -------------------------------------------------------------------------------------------------------


def test_an_image_folder_is_recognised(tmp_path: Path) -> None:
    flat = put(tmp_path / 'flat', 'cat/1.jpg', 'dog/1.JPG', 'dog/deep/2.jpg')
    put(flat, 'README.md', 'cat/.DS_Store', content=b'')
    divided = put(tmp_path / 'divided', 'train/cat/deep/1.jpg', 'val/cat/1.jpg', 'README.md', 'train.cache')
    for root in (flat, divided):
        assert ImageFolderFormat().recognise(root)
        (root / 'classes.json').write_text('{"folders": {}}')
        assert ImageFolderFormat().recognise(root)


def test_what_operating_systems_leave_is_nobodys_data(tmp_path: Path) -> None:
    names = ('cat/Thumbs.db', 'dog/desktop.ini', '.DS_Store', 'Desktop.ini', 'cat/._1.jpg', '__MACOSX/cat/._1.jpg')
    root = put(put(tmp_path, 'cat/1.jpg', 'dog/1.jpg'), *names)
    assert ImageFolderFormat().recognise(root)
    samples, report = read_all(ImageFolderFormat(), root)
    assert len(samples) == 2
    assert report.lossless


OTHERS: dict[str, Iterable[str]] = {
    'empty': [],
    'images only': ['1.jpg', '2.jpg'],
    'an album': ['2020/1.jpg'],
    'albums in albums': ['a/2020/1.jpg', 'b/2020/1.jpg'],
    'mixed': ['a/1.jpg', 'b/1.jpg', 'c/report.pdf'],
    'dm': ['json/1.json', 'original_files/1.jpg'],
    'dm with splits': ['train/json/1.json', 'train/original_files/1.jpg'],
    'yolo': ['dataset.yaml', 'images/train/1.jpg', 'labels/train/1.txt'],
    'yolo without a yaml': ['images/train/1.jpg', 'images/val/1.jpg', 'labels/train/1.txt'],
    'yolo by splits': ['data.yaml', 'train/images/1.jpg', 'train/labels/1.txt'],
    'yolo by splits without labels': ['train/images/1.jpg', 'val/images/1.jpg'],
    'official coco': ['annotations/instances_train2017.json', 'train2017/1.jpg', 'val2017/1.jpg'],
    'official coco without annotations': ['train2017/1.jpg', 'val2017/1.jpg'],
    'coco in images': ['annotations/instances_val.json', 'images/train/1.jpg', 'images/val/1.jpg'],
    'coco by splits': ['train/annotations.json', 'train/street/1.jpg', 'valid/annotations.json', 'valid/1.jpg'],
    'coco in one folder': ['annotations.json', 'street/1.jpg', 'town/1.jpg'],
    'voc': ['Annotations/1.xml', 'JPEGImages/1.jpg', 'ImageSets/Main/train.txt'],
    'voc without annotations': ['JPEGImages/1.jpg', 'SegmentationClass/1.png'],
    'labelme': ['a/1.jpg', 'a/1.json', 'b/1.jpg', 'b/1.json'],
    'createml': ['train/_annotations.createml.json', 'train/a/1.jpg'],
    'semantic segmentation': ['images/1.png', 'masks/1.png'],
    'a table beside': ['labels.csv', 'a/1.jpg', 'b/1.jpg'],
    'a loose image beside': ['loose.jpg', '2024-01/1.jpg', '2024-02/1.jpg'],
    'a loose image in a split': ['train/cat/1.jpg', 'train/loose.jpg'],
    'splits without classes': ['train/1.jpg', 'val/1.jpg'],
}


@pytest.mark.parametrize('names', OTHERS.values(), ids=OTHERS.keys())
def test_the_folder_of_something_else_is_not_claimed(tmp_path: Path, names: Iterable[str]) -> None:
    assert not ImageFolderFormat().recognise(put(tmp_path, *names))


def test_a_file_is_no_image_folder(tmp_path: Path) -> None:
    assert not ImageFolderFormat().recognise(put(tmp_path, '1.jpg') / '1.jpg')
