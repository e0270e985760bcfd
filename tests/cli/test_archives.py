"""A dataset in an archive, or in a folder within the folder that is named: read without further ado, or refused."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from tests.formats.format_kit import tree
from tests.support.environments import Environment


@pytest.fixture
def yolo(bare: Environment, project: Path, data: Path) -> Path:
    bare.hooks('convert', data, 'yolo', '--to', 'yolo')
    (project / 'yolo/dataset.yaml').rename(project / 'yolo/data.yaml')
    return project / 'yolo'


@pytest.mark.parametrize(('kind', 'suffix'), [('zip', '.zip'), ('gztar', '.tar.gz'), ('tar', '.tar')])
def test_an_archive_is_converted_like_what_is_in_it(
    bare: Environment, project: Path, yolo: Path, kind: str, suffix: str
) -> None:
    shutil.make_archive(str(project / 'My export'), kind, yolo)
    expected = bare.hooks('convert', yolo, 'plain', '--to', 'coco', '--json').json
    ended = bare.hooks('convert', f'My export{suffix}', 'out', '--to', 'coco', '--json')
    assert f"My export{suffix} looks like 'yolo'" in ended.err
    assert ended.json['dataset']['splits'] == expected['dataset']['splits']
    assert tree(project / 'out') == tree(project / 'plain')
    named = bare.hooks('convert', f'My export{suffix}', 'named', '--from', 'yolo', '--to', 'coco')
    assert 'looks like' not in named.err
    assert tree(project / 'named') == tree(project / 'plain')
    assert not [file for file in project.iterdir() if file.name.startswith('.')]


def test_a_folder_in_the_folder_is_gone_on_with(bare: Environment, project: Path, yolo: Path) -> None:
    (project / 'downloads').mkdir()
    yolo.rename(project / 'downloads/My Set.v1i')
    ended = bare.hooks('convert', 'downloads', 'out', '--to', 'coco')
    assert "downloads: `My Set.v1i/` in it looks like 'yolo'" in ended.err
    shutil.make_archive(str(project / 'set'), 'zip', project / 'downloads')
    inspected = bare.hooks('inspect', 'set.zip', '--json')
    assert "set.zip: `My Set.v1i/` in it looks like 'yolo'" in inspected.err
    assert inspected.json['items'] == 4
    again = bare.hooks('convert', 'set.zip', 'again', '--from', 'yolo', '--to', 'coco')
    assert again.out.startswith('again/')


def test_a_workspace_imports_archives_of_any_format(bare: Environment, project: Path, data: Path, yolo: Path) -> None:
    for name, folder in (('dm', data), ('yolo', yolo)):
        shutil.make_archive(str(project / name), 'zip', folder)
        words = ('workspace', 'import', f'{name}.zip', '--name', name, '--workspace', 'workspace', '--json')
        assert bare.hooks(*words).json['count'] == 4


def test_links_into_an_archive_are_refused(bare: Environment, project: Path, yolo: Path) -> None:
    shutil.make_archive(str(project / 'set'), 'zip', yolo)
    ended = bare.hooks('convert', 'set.zip', 'out', '--to', 'coco', '--images', 'symlink', code=2)
    assert 'unpack it first' in ended.err
    assert not (project / 'out').exists()


def test_a_hostile_or_damaged_archive_leaves_nothing(bare: Environment, project: Path) -> None:
    with zipfile.ZipFile(project / 'out.zip', 'w') as file:
        file.writestr('../outside.txt', 'x')
    (project / 'torn.zip').write_bytes((project / 'out.zip').read_bytes()[:30])
    (project / 'empty.zip').write_bytes(b'PK\x05\x06' + bytes(18))
    before = sorted(project.iterdir())
    for name, told in (('out', 'leads outside'), ('torn', 'damaged'), ('empty', 'it has no file')):
        ended = bare.hooks('convert', f'{name}.zip', 'made', '--to', 'coco', code=1)
        assert told in ended.err
        assert '→' in ended.err
    assert sorted(project.iterdir()) == before
    assert not (project.parent / 'outside.txt').exists()


def test_messages_name_the_archive_and_not_where_it_is_unpacked(bare: Environment, project: Path, yolo: Path) -> None:
    label = next((yolo / 'labels').rglob('*.txt'))
    label.write_text('x y z\n')
    shutil.make_archive(str(project / 'set'), 'zip', yolo)
    culprit = f'set.zip/{label.relative_to(yolo)}'
    for flags in ((), ('--unreadable', 'skip', '--json')):
        ended = bare.hooks('convert', 'set.zip', 'out', '--to', 'coco', *flags, code=None)
        assert culprit in ended.err
        assert 'staging' not in ended.err + ended.out
