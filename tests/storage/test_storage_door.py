"""The door for files that a dataset names."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from synapse_hooks.storage import Refused, is_inside, open_regular, read_file


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / 'a').write_bytes(b'content')
    assert read_file(tmp_path / 'a', inside=tmp_path) == b'content'


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(tmp_path / 'socket'))
    for file in (tmp_path / 'pipe', tmp_path / 'socket', tmp_path, Path('/dev/zero'), Path('/dev/null')):
        with pytest.raises(Refused, match='not a regular file') as caught:
            open_regular(file)
        assert caught.value.filename == str(file)
    bound.close()


def test_more_than_allowed_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'a').write_bytes(bytes(11))
    with pytest.raises(Refused, match='more than 10 bytes'):
        read_file(tmp_path / 'a', limit=10)
    assert len(read_file(tmp_path / 'a', limit=11)) == 11


def test_a_link_that_leads_out_is_refused_and_one_within_is_followed(tmp_path: Path) -> None:
    inside = tmp_path / 'set'
    inside.mkdir()
    (tmp_path / 'key').write_text('private')
    (inside / 'own').write_text('own')
    (inside / 'out').symlink_to('../key')
    (inside / 'within').symlink_to('own')
    with pytest.raises(Refused, match='leads out of'):
        read_file(inside / 'out', inside=inside)
    assert read_file(inside / 'within', inside=inside) == b'own'
    assert not is_inside(tmp_path / 'set2', inside)


def test_what_is_missing_is_said_by_the_operating_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / 'gone')
