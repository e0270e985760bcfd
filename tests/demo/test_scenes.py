from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import msgspec
import pytest

from synapse_hooks.demo.scenes import CLASSES, DIGITS, PARTS, SHAPES, require_extra, write_scenes
from synapse_hooks.errors import ConfigError, DatasetInvalid, StorageError

SIZE = 96


@pytest.fixture(scope='module')
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('demo') / 'scenes'
    assert write_scenes(out, count=40, size=SIZE) == {'train': 28, 'valid': 6, 'test': 6}
    return out


def documents(dataset: Path, split: str) -> dict[str, dict[str, Any]]:
    return {
        path.stem: msgspec.json.decode(path.read_bytes())['images'][0]
        for path in sorted((dataset / split / 'json').iterdir())
    }


def scans(dataset: Path, split: str) -> set[int]:
    return {
        attribute['value']
        for document in documents(dataset, split).values()
        for box in document['bounding_box']
        for attribute in box['attrs']
        if attribute['name'] == 'scan'
    }


def test_every_document_has_its_picture(dataset: Path) -> None:
    from PIL import Image

    assert sorted(path.name for path in dataset.iterdir()) == sorted(PARTS)
    for split in PARTS:
        pictures = {path.stem: path for path in (dataset / split / 'original_files').iterdir()}
        assert pictures.keys() == documents(dataset, split).keys()
        for path in pictures.values():
            with Image.open(path) as picture:
                assert (picture.size, picture.mode) == ((SIZE, SIZE), 'RGB')


@pytest.mark.parametrize('split', PARTS)
def test_labels_are_known_and_inside_the_picture(dataset: Path, split: str) -> None:
    ids = set()
    for document in documents(dataset, split).values():
        assert document['bounding_box'] or document['polygon']
        for box in document['bounding_box']:
            x, y, w, h = box['data']
            assert box['classification'] in DIGITS
            assert 0 <= x < x + w <= SIZE
            assert 0 <= y < y + h <= SIZE
            assert min(w, h) > 3
        for polygon in document['polygon']:
            assert polygon['classification'] in SHAPES
            assert len(polygon['data']) >= 3
            assert all(0 <= value <= SIZE for point in polygon['data'] for value in point)
        for label in (*document['bounding_box'], *document['polygon']):
            assert label['id'] not in ids
            ids.add(label['id'])


def test_every_class_appears_in_training(dataset: Path) -> None:
    train = documents(dataset, 'train').values()
    seen = {label['classification'] for document in train for tool in document.values() for label in tool}
    assert seen == set(CLASSES)


def test_every_document_declares_all_classes_in_order(dataset: Path) -> None:
    for path in dataset.glob('*/json/*.json'):
        declared = msgspec.json.decode(path.read_bytes())['classification']
        assert declared == {'bounding_box': list(DIGITS), 'polygon': list(SHAPES)}


def test_handwriting_is_held_out(dataset: Path) -> None:
    train, valid, test = (scans(dataset, split) for split in PARTS)
    assert min(len(train), len(valid), len(test)) > 5
    assert not train & valid
    assert not train & test
    assert not valid & test


def test_a_box_is_labelled_with_the_digit_of_its_scan(dataset: Path) -> None:
    from sklearn.datasets import load_digits

    target = load_digits().target
    for document in documents(dataset, 'test').values():
        for box in document['bounding_box']:
            assert target[box['attrs'][0]['value']] == DIGITS[box['classification']]


def test_the_same_seed_gives_the_same_bytes(dataset: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / 'again', count=40, size=SIZE)
    write_scenes(tmp_path / 'other', count=40, size=SIZE, seed=8)
    files = sorted(path.relative_to(dataset) for path in dataset.rglob('*') if path.is_file())
    assert len(files) == 80
    for file in files:
        assert (tmp_path / 'again' / file).read_bytes() == (dataset / file).read_bytes()
        assert (tmp_path / 'other' / file).read_bytes() != (dataset / file).read_bytes()


def test_labels_fit_what_is_painted() -> None:
    """A box holds the whole digit and no more: checked on masks, where nothing else is in the way."""
    import numpy as np
    from sklearn.datasets import load_digits

    from synapse_hooks.demo import paint

    for grey in load_digits().images[:20]:
        mask, width, height = paint.digit(grey, 40, 8)
        rows, columns = np.flatnonzero(mask.max(1) > 0.5), np.flatnonzero(mask.max(0) > 0.5)
        assert rows[0] <= 1
        assert columns[0] <= 1
        assert abs(rows[-1] + 1 - height) <= 1
        assert abs(columns[-1] + 1 - width) <= 1
    corners = paint.star(20, 10, 0.5)
    ys, xs = np.nonzero(paint.polygon(corners) > 0.5)
    assert abs(xs.max() + 1 - max(x for x, _ in corners)) <= 1
    assert abs(ys.max() + 1 - max(y for _, y in corners)) <= 1


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'mine.txt').write_text('mine')
    with pytest.raises(StorageError, match='not empty'):
        write_scenes(tmp_path, count=10, size=64)
    assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']


def test_too_few_scenes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match='at least 10 scenes'):
        write_scenes(tmp_path / 'out', count=3)
    assert not (tmp_path / 'out').exists()


def test_a_missing_extra_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('synapse_hooks.demo.scenes.find_spec', lambda name: None if name == 'sklearn' else object())
    with pytest.raises(ConfigError, match='sklearn') as raised:
        write_scenes(tmp_path / 'out')
    assert raised.value.hint == "pip install 'synapse-hooks[demo]'"
    assert raised.value.missing == ['sklearn']


def test_what_is_there_is_not_complained_about() -> None:
    assert importlib.util.find_spec('json')
    require_extra('json')
