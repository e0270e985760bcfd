"""An export that cannot fit says so early, and one that may not fit goes on."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synapse_hooks.backends.synapse.export import ExportWarning
from synapse_hooks.backends.synapse.parts import Parts
from synapse_hooks.errors import DiskFull
from tests.backends.synapse.conftest import Clients
from tests.support.raw_server import Asked, RawServer, Reply, raw_server


def backend(count: int, meta: dict[str, Any], slow: Reply | None = None, body: bytes = b'x' * 100) -> Any:
    """A script: a dataset of `count` items; the last file is `slow`."""

    def script(asked: Asked) -> Reply:
        if asked.path.startswith('/ground_truth_dataset_versions/'):
            return Reply.json({'id': 7})
        if asked.path == '/sdk/ground_truth_events/':
            host = f'http://{asked.headers["host"]}'
            results = [
                {'id': n, 'data': {}, 'files': {'image_1': {'url': f'{host}/f/{n}.jpg', 'meta': meta}}}
                for n in range(count)
            ]
            return Reply.json({'count': count, 'next': None, 'results': results})
        return slow if slow is not None and asked.path == f'/f/{count - 1}.jpg' else Reply(body=body)

    return script


def leave(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """Let every disk have so many bytes."""
    monkeypatch.setattr(os, 'statvfs', lambda place: SimpleNamespace(f_frsize=1, f_bfree=free, f_bavail=free))


def files_asked(api: RawServer) -> list[str]:
    return [asked.path for asked in api.asked if asked.path.startswith('/f/')]


def test_announced_sizes_that_do_not_fit_end_it_before_the_first_byte(
    client_of: Clients, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 10 << 30)
    with raw_server(backend(3, {'size': 4 << 30})) as api, pytest.raises(DiskFull) as caught:
        client_of(api.host).export_dataset(7, out)
    assert (caught.value.needed, caught.value.free) == (12 << 30, 10 << 30)
    assert files_asked(api) == []


def test_a_large_file_that_does_not_fit_ends_when_its_size_is_known(
    client_of: Clients, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 5 << 20)
    with raw_server(backend(1, {}, body=bytes(20 << 20))) as api, pytest.raises(DiskFull, match=r'image_1 .* needs'):
        client_of(api.host).export_dataset(7, out)


def test_what_may_not_fit_is_a_warning_and_goes_on(
    client_of: Clients, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 1)
    slow = Reply(body=b'x' * 100, slow=100.0)
    with raw_server(backend(150, {}, slow)) as api, pytest.warns(ExportWarning, match='disk may be too small') as told:
        made = client_of(api.host).export_dataset(7, out)
    assert len([one for one in told if one.category is ExportWarning]) == 1
    assert made['path'] == out
    assert len(list(out.rglob('*.jpg'))) == 150


def test_a_warning_that_is_made_an_error_ends_no_export(
    client_of: Clients, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 1)
    slow = Reply(body=b'x' * 100, slow=100.0)
    with raw_server(backend(150, {}, slow)) as api, warnings.catch_warnings():
        warnings.simplefilter('error', ExportWarning)
        client_of(api.host).export_dataset(7, out)
    assert len(list(out.rglob('*.jpg'))) == 150


def test_parts_that_are_here_need_no_space(tmp_path: Path) -> None:
    parts = Parts(tmp_path / 'parts')
    assert parts.size() == 0
    parts.new('a', None).write_bytes(bytes(300))
    parts.new('b', None).write_bytes(bytes(50))
    assert parts.size() == 350
