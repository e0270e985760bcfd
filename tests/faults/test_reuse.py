"""What was made once and is used again: edited files, uploads that others have changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.backends.synapse.upload import Upload
from synapse_hooks.backends.synapse.verifying import verify_export
from synapse_hooks.errors import BackendError, StepFailed
from tests.faults.conftest import Worlds
from tests.support.model_backend import ModelBackend
from tests.support.raw_server import Asked, Reply, raw_server

cell = pytest.mark.cell
CHUNK = 1 << 16


class Action(BaseTrainAction[BaseTrainParams]):
    """Fails, unless it is told otherwise."""

    fails = True

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        if self.fails:
            raise RuntimeError('the training failed')
        return None


@cell(41, 43)
@pytest.mark.parametrize('damage', ['edited', 'deleted', 'swapped'])
def test_a_file_that_was_touched_after_its_export_is_not_used(
    worlds: Worlds, tmp_path: Path, elsewhere: Path, damage: str
) -> None:
    world = worlds()
    action = type('Once', (Action,), {})

    def run(**options: Any) -> None:
        client = world.client()
        action({'dataset': 7}, RuntimeContext(client=client, run_dir=tmp_path / 'run', **options)).run()

    with pytest.raises(StepFailed, match='the training failed'):
        run()
    exported = tmp_path / 'run' / 'stages' / 'export'
    (victim,) = (exported / 'train' / 'original_files').glob('1.*')
    whole = victim.read_bytes()
    if damage == 'edited':
        with victim.open('r+b') as file:
            file.write(b'XX')
    else:
        victim.unlink()
        if damage == 'swapped':
            victim.write_bytes(whole[::-1])
    assert [one.path for one in verify_export(exported, deep=True)[1]] == [f'train/original_files/{victim.name}']
    action.fails = False
    run(resume=True)
    assert verify_export(exported, deep=True) == (4, [])
    assert victim.read_bytes() == whole
    world.check_invariants(budget=30)


@cell(56)
@pytest.mark.parametrize('lost', [1, CHUNK // 2, CHUNK - 1])
def test_a_server_that_has_less_than_was_sent(worlds: Worlds, tmp_path: Path, lost: int) -> None:
    world, backend, file = worlds(), ModelBackend(), tmp_path / 'a.zip'
    file.write_bytes(bytes(range(256)) * 1024)
    lossy = [True]

    def fault(asked: Asked) -> Reply | None:
        if asked.method == 'PUT' and len(backend.content) == 2 * CHUNK and lossy:
            lossy.clear()
            backend.content = backend.content[:-lost]
            url = f'http://{asked.headers["host"]}/chunked_upload/5/'
            return Reply.json({'id': 5, 'url': url, 'offset': len(backend.content)})
        return None

    backend.fault = fault  # type: ignore[method-assign]
    with raw_server(backend) as server:
        world.api = server
        Upload(world.client().api, file, 'key', tmp_path / 'journals', chunk=CHUNK).send()
        starts = [a.headers['content-range'].split('-')[0] for a in server.asked if a.method == 'PUT']
    assert f'bytes {2 * CHUNK - lost}' in starts
    assert backend.content == file.read_bytes()
    assert backend.uploads == 1


@cell(58)
def test_a_file_that_changed_between_two_attempts_starts_over(worlds: Worlds, tmp_path: Path) -> None:
    world, backend, file = worlds(), ModelBackend(), tmp_path / 'a.zip'
    file.write_bytes(bytes(4 * CHUNK))
    broken = [True]
    backend.fault = lambda asked: Reply(400) if len(backend.content) == 2 * CHUNK and broken else None  # type: ignore[method-assign]
    with raw_server(backend) as server:
        world.api = server
        with world.fails(BackendError, '400'):
            Upload(world.client().api, file, 'key', tmp_path / 'journals', chunk=CHUNK).send()
        broken.clear()
        file.write_bytes(b'1' * (4 * CHUNK))
        Upload(world.client().api, file, 'key', tmp_path / 'journals', chunk=CHUNK).send()
    assert backend.content == b'1' * (4 * CHUNK)
    # One that is refused in its middle is begun once more before it fails.
    assert backend.uploads == 3
