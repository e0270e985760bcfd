"""Opening files that a dataset names."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from synapse_hooks.storage import UnsafeFile, is_inside, open_regular, read_file, read_head


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / 'a').write_bytes(b'content')
    assert read_file(tmp_path / 'a', inside=tmp_path) == b'content'


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(tmp_path / 'socket'))
    for file in (tmp_path / 'pipe', tmp_path / 'socket', tmp_path, Path('/dev/zero'), Path('/dev/null')):
        with pytest.raises(UnsafeFile, match='not a regular file') as caught:
            open_regular(file)
        assert caught.value.filename == str(file)
    bound.close()


def test_more_than_allowed_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'a').write_bytes(bytes(11))
    with pytest.raises(UnsafeFile, match='more than 10 bytes'):
        read_file(tmp_path / 'a', limit=10)
    assert len(read_file(tmp_path / 'a', limit=11)) == 11


def test_a_link_that_leads_out_is_refused_and_one_within_is_followed(tmp_path: Path) -> None:
    inside = tmp_path / 'set'
    inside.mkdir()
    (tmp_path / 'key').write_text('private')
    (inside / 'own').write_text('own')
    (inside / 'out').symlink_to('../key')
    (inside / 'within').symlink_to('own')
    with pytest.raises(UnsafeFile, match='leads out of'):
        read_file(inside / 'out', inside=inside)
    assert read_file(inside / 'within', inside=inside) == b'own'
    assert not is_inside(tmp_path / 'set2', inside)


def test_what_is_missing_is_said_by_the_operating_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / 'gone')


def test_memory_is_not_asked_for_what_is_too_large(tmp_path: Path) -> None:
    (tmp_path / 'a.json').touch()
    os.truncate(tmp_path / 'a.json', 1 << 40)
    with pytest.raises(UnsafeFile, match='more than 4,294,967,296 bytes'):
        read_file(tmp_path / 'a.json', limit=4 << 30)


@pytest.mark.parametrize('name', ['a\0b', 'a\ud800b'])
def test_what_cannot_be_a_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeFile, match='cannot be the name of a file'):
        read_file(f'{tmp_path}/{name}')
    with pytest.raises(UnsafeFile):
        read_file(f'{tmp_path}/{name}', inside=tmp_path)


def test_links_in_a_circle_and_to_nowhere_have_no_first_bytes(tmp_path: Path) -> None:
    (tmp_path / 'circle').symlink_to('circle')
    (tmp_path / 'nowhere').symlink_to('missing')
    assert [read_head(tmp_path / name) for name in ('circle', 'nowhere', 'missing')] == [b'', b'', b'']
