"""TensorBoard itself: its reader and its server, over runs that are killed and resumed."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.support.environments import Environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CONTRIB = Path(__file__).parents[2] / 'contrib'
# Prints what the reader of TensorBoard finds in a folder.
READ = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'images': 0, 'tensors': 0})
found.Reload()
tags = found.Tags()
print(json.dumps({
    'scalars': {tag: [[e.step, e.value] for e in found.Scalars(tag)] for tag in tags['scalars']},
    'images': {tag: [[e.step, e.width, e.height] for e in found.Images(tag)] for tag in tags['images']},
    'texts': {tag: [e.tensor_proto.string_val[0].decode() for e in found.Tensors(tag)]
              for tag in tags['tensors'] if not tag.startswith('_')},
}))
"""


@pytest.fixture(scope='module')
def environment(with_tracker: Callable[..., Environment]) -> Environment:
    """With TensorBoard, without TensorFlow."""
    return with_tracker('tensorboard', 'tensorboard>=2.16,<3', 'google-crc32c>=1.5')


def read(environment: Environment, folder: Path) -> dict[str, Any]:
    ended = environment.run(environment.python, '-c', READ, folder)
    assert ended.code == 0, ended
    found: dict[str, Any] = json.loads(ended.out)
    return found


@contextmanager
def server(environment: Environment, folder: Path) -> Iterator[Callable[..., Any]]:
    """`tensorboard --logdir`, as a function that asks it."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    command = [environment.python, '-m', 'tensorboard.main', '--logdir', folder, '--host', '127.0.0.1', '--port', port]
    words = [*map(str, command), '--samples_per_plugin', 'scalars=10000']
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(path: str, body: Any = None, **query: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f'http://127.0.0.1:{port}/data/{path}?{urlencode(query)}', data)
        request.add_header('Content-Type', 'application/json')
        with urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                if ask('plugin/scalars/tags'):
                    break
            except (URLError, OSError):
                pass
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield ask
    finally:
        process.kill()
        process.wait()


def test_a_killed_run_that_is_resumed_is_shown_once(environment: Environment, project: Path) -> None:
    at = environment.at(project)
    train = ('train', 'train.py:Train', '-p', 'data_path=.', '-p', 'epochs=200', '-p', 'stops=[60,120]')
    with at.started(*train, '--run-dir', 'runs/first') as run:
        run.until((project / 'at60').exists)
        # System figures come by time.
        run.until((project / 'runs' / 'first' / 'tensorboard' / 'system').exists)
        (project / 'go60').touch()
        run.until((project / 'at120').exists)
        run.end(signal.SIGKILL)
    # Its last checkpoint was that of epoch 100: those after it are trained again.
    (project / 'runs' / 'first' / 'epoch').write_text('100')
    (project / 'go120').touch()
    at.hooks('resume', 'runs/first')

    folder = project / 'runs' / 'first' / 'tensorboard'
    found = read(environment, folder)
    assert [step for step, _ in found['scalars']['train/loss']] == list(range(1, 201))
    assert [step for step, _ in found['scalars']['train/mAP50(B)']] == list(range(1, 201))
    assert len(found['scalars']['val/nan']) == 200
    assert found['scalars']['accuracy'] == [[0, 0.75]]
    assert found['images'] == {'predictions': [[60, 64, 48], [120, 64, 48]]}
    assert any('optimizer\\.name' in text for text in found['texts']['params'])
    assert read(environment, folder / 'fold2' / 'batch')['scalars'] == {'val/loss': [[1, 0.25]]}
    assert read(environment, folder / 'system')['scalars']['system/process_memory']
    messages = read(environment, folder / 'log')['texts']['messages']
    assert messages[-1] == '**finished**'
    assert 'trained' in messages

    with server(environment, project / 'runs') as ask:
        run_name = 'first/tensorboard'
        shown = ask('plugin/scalars/scalars', run=run_name, tag='train/loss')
        assert [step for _, step, _ in shown] == list(range(1, 201))
        images = ask('plugin/images/images', run=run_name, tag='predictions', sample='0')
        assert [image['step'] for image in images] == [60, 120]
        texts = ask('plugin/text/text', run=f'{run_name}/log', tag='messages')
        assert any('finished' in text['text'] for text in texts)
        wanted = {'experimentName': '', 'allowedStatuses': ['STATUS_UNKNOWN', 'STATUS_RUNNING', 'STATUS_SUCCESS']}
        (group, *_) = ask(
            'plugin/hparams/session_groups', {**wanted, 'colParams': [], 'startIndex': 0, 'sliceSize': 9}
        )['sessionGroups']
        assert group['hparams']['lr'] == 0.5
        assert group['hparams']['optimizer.name'] == 'sgd'


def test_its_own_tests_pass_with_tensorboard(environment: Environment, own_tests_pass: Callable[..., None]) -> None:
    own_tests_pass(environment, 'tensorboard')
