"""What is certain not to fit is refused before it is begun."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from synapse_hooks.errors import DiskFull
from synapse_hooks.storage import pack
from synapse_hooks.storage.disk import free_bytes, need_space


def leave(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """Let every disk have so many bytes."""
    monkeypatch.setattr(os, 'statvfs', lambda place: SimpleNamespace(f_frsize=1, f_bfree=free, f_bavail=free))


def test_a_folder_that_is_not_there_yet_has_the_space_of_its_disk(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / 'a' / 'b') > 0
    need_space(tmp_path / 'a' / 'b', 1, 'a byte')


def test_what_does_not_fit_is_refused_with_both_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(monkeypatch, 2_000_000_000)
    need_space(tmp_path, 2_000_000_000, 'model.zip')
    with pytest.raises(DiskFull, match=r'model\.zip needs 3\.000 GB, and 2\.000 GB are free') as caught:
        need_space(tmp_path, 3_000_000_000, 'model.zip')
    assert (caught.value.needed, caught.value.free) == (3_000_000_000, 2_000_000_000)
    assert 'free some space' in caught.value.hint


def test_a_disk_that_says_nothing_refuses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(monkeypatch, 0)
    assert free_bytes(tmp_path) == 0
    need_space(tmp_path, 1 << 60, 'anything')


def test_an_archive_that_does_not_fit_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'model').mkdir()
    (tmp_path / 'model' / 'best.pt').write_bytes(bytes(2000))
    leave(monkeypatch, 1999)
    with pytest.raises(DiskFull):
        pack(tmp_path / 'model', tmp_path / 'model.zip')
    assert [path.name for path in tmp_path.iterdir()] == ['model']
    # How small it gets is not known beforehand.
    pack(tmp_path / 'model', tmp_path / 'model.zip', compress=True)
    leave(monkeypatch, 2000)
    pack(tmp_path / 'model', tmp_path / 'model.zip')
