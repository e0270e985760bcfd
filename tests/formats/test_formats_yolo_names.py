"""Names in a dataset.yaml are the text in the file, whatever YAML takes it for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats.yolo.config import read_config
from tests.formats.format_kit import Converter, png

NOT_TEXT_TO_YAML = [
    '<<',
    'no',
    'on',
    'off',
    'yes',
    'Y',
    'null',
    '~',
    '007',
    '0x1F',
    '1e3',
    '1_000',
    '.5',
    '12:30',
    '2024-01-01',
    'true',
    '=',
]


def dataset(root: Path, names: str, *, rows: int = 0, more: str = '') -> Path:
    for split in ('train', 'val'):
        for folder in ('images', 'labels'):
            (root / folder / split).mkdir(parents=True)
        (root / 'images' / split / 'a.png').write_bytes(png(100, 80))
        lines = ''.join(f'{number} 0.5 0.5 0.2 0.2\n' for number in range(rows))
        (root / 'labels' / split / 'a.txt').write_text(lines)
    (root / 'dataset.yaml').write_text(f'train: images/train\nval: images/val\nnames:{names}\n{more}')
    return root


@pytest.mark.parametrize(
    'names',
    [
        f' [{", ".join(NOT_TEXT_TO_YAML)}]',
        ''.join(f'\n- {name}' for name in NOT_TEXT_TO_YAML),
        ''.join(f'\n  {number}: {name}' for number, name in enumerate(NOT_TEXT_TO_YAML)),
        ''.join(f'\n  {number}: "{name}"' for number, name in enumerate(NOT_TEXT_TO_YAML)),
    ],
    ids=['in a line', 'as a list', 'as a mapping', 'in quotes'],
)
def test_a_name_is_the_text_in_the_file(tmp_path: Path, converter: Converter, names: str) -> None:
    source = dataset(tmp_path / 'in', names, rows=len(NOT_TEXT_TO_YAML), more=f'nc: {len(NOT_TEXT_TO_YAML)}\n')
    coco = converter(source, 'yolo', 'coco')
    assert coco['classes'] == NOT_TEXT_TO_YAML
    assert converter.losses['written'] == {'box': 2 * len(NOT_TEXT_TO_YAML)}
    made = converter(coco['path'], 'coco', 'yolo')
    assert read_config(made['path']).names == tuple(NOT_TEXT_TO_YAML)
    # Whoever reads what we write as plain YAML gets the same names.
    assert [*yaml.safe_load((made['path'] / 'dataset.yaml').read_text())['names'].values()] == NOT_TEXT_TO_YAML


def test_names_of_joints_and_folders_too(tmp_path: Path) -> None:
    root = dataset(tmp_path, ' [on]', more='test: 007\nkpt_shape: [3, 3]\nkpt_names: {0: [no, null, 1e3]}\n')
    (root / '007').mkdir()
    config = read_config(root)
    assert config.skeletons == {'on': ('no', 'null', '1e3')}
    assert config.sources['test'] == [root / '007']
    assert config.joints == (3, 3)


@pytest.mark.parametrize('nothing', ['test:', 'test: null', 'test: ~', 'path:', 'path: ""'])
def test_a_key_without_a_value_has_none(tmp_path: Path, nothing: str) -> None:
    config = read_config(dataset(tmp_path, ' [car]', more=f'{nothing}\n'))
    assert sorted(config.sources) == ['train', 'valid']
    assert not config.missing


def test_anchors_are_followed(tmp_path: Path) -> None:
    root = dataset(tmp_path, ' &all [no, &two 2, *two]', more='kpt_shape: [2, 3]\nkpt_names: {0: *all}\n')
    config = read_config(root)
    assert config.names == ('no', '2', '2')
    assert config.skeletons['no'] == ('no', '2')


@pytest.mark.parametrize(
    'names', ['\n  0: car\n  0: dog', '\n  0: car\n  00: dog', '\n  no: car', ' null\nno: [a]', ' [[a]]', ' car']
)
def test_names_that_cannot_be_told_apart_are_refused(tmp_path: Path, names: str) -> None:
    root = dataset(tmp_path, names)
    with pytest.raises(DatasetInvalid, match=re.escape(str(root / 'dataset.yaml'))):
        read_config(root)
