"""Check the ultralytics autologger against real versions of ultralytics, each in a process of its own.

    python tests/autologgers/matrix.py                       # the version that is installed
    python tests/autologgers/matrix.py 8.4.50 8.4.104        # these, put aside by pip and left as they are elsewhere
    python tests/autologgers/matrix.py --aside DIR --model yolo11n.yaml 8.4.177

For every version and model: a training of two epochs on twelve generated images of 64 px with a model made before
attaching, one with a model made meanwhile after detaching, one that is interrupted and resumed. What was recorded is
compared with ultralytics' own results.csv; a network connection, or a change of ultralytics' settings, is a failure.
Needs torch and everything else that ultralytics needs; nothing is downloaded but the versions. About 25 s each.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
MODELS = ('yolo11n.yaml', 'yolo26n.yaml')
QUICK = {
    'epochs': 2,
    'imgsz': 32,
    'batch': 4,
    'workers': 0,
    'device': 'cpu',
    'pretrained': False,
    'amp': False,
    'verbose': False,
}


class Listing:
    """A recorder that keeps events in a list, as the journal would read them: through JSON."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def record(self, type: str, payload: Any) -> None:
        self.events.append({'type': type, **json.loads(json.dumps(payload, allow_nan=False))})

    def of(self, type: str, **fields: Any) -> list[dict[str, Any]]:
        found = [event for event in self.events if event['type'] == type]
        return [event for event in found if all(event[name] == value for name, value in fields.items())]


def make_dataset(folder: Path, images: int = 12, side: int = 64) -> Path:
    """Squares on grey, in YOLO layout, the same images for training and validation."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for name in ('images', 'labels'):
        (folder / name / 'train').mkdir(parents=True)
    for number in range(images):
        picture = np.full((side, side, 3), 90, np.uint8)
        x, y = random.integers(4, side - 24, 2)
        picture[y : y + 20, x : x + 20] = (250, 30, 30) if number % 2 else (30, 30, 250)
        Image.fromarray(picture).save(folder / 'images' / 'train' / f'{number}.png')
        box = ' '.join(f'{value / side:.6f}' for value in (x + 10, y + 10, 20, 20))
        (folder / 'labels' / 'train' / f'{number}.txt').write_text(f'{number % 2} {box}\n')
    config = folder / 'dataset.yaml'
    config.write_text(f'path: {folder}\ntrain: images/train\nval: images/train\nnames: [blue, red]\n')
    return config


def attach(recorder: Listing, run_dir: Path, resume_from: Path | None = None) -> Any:
    from synapse_hooks.autologgers.ultralytics import UltralyticsAutologger
    from synapse_hooks.context import AutologSession

    session = AutologSession('ultralytics', recorder, run_dir, resume_from)
    return UltralyticsAutologger().autolog('ultralytics', session)


def check_run(log: Listing, run_dir: Path, save_dir: Path, epochs: int, first: int = 1) -> None:
    """What was recorded is what results.csv holds, and the final evaluation stands apart."""
    with (save_dir / 'results.csv').open(newline='') as file:
        rows = [{k.strip(): v.strip() for k, v in row.items()} for row in csv.DictReader(file)]
    assert [row['epoch'] for row in rows] == [str(n) for n in range(1, epochs + 1)], rows
    for phase, prefixes in (('train', ('train/', 'lr/')), ('val', ('metrics/', 'val/'))):
        points = log.of('metrics', phase=phase)
        assert [point['step'] for point in points] == list(range(first, epochs + 1)), (phase, points)
        for point in points:
            row = rows[point['step'] - 1]
            wanted = {name for name in row if name.startswith(prefixes)}
            assert set(point['values']) == wanted, (set(point['values']), wanted)
            for name in wanted:
                assert abs(point['values'][name] - float(row[name])) <= 1e-5 * max(1, abs(float(row[name]))), name
    (final,) = log.of('metrics', phase='final')
    assert final['step'] in range(first, epochs + 1), final
    assert set(final['values']) == {name for name in rows[0] if name.startswith('metrics/')}, final
    assert [e['epoch'] for e in log.of('checkpoint')] == list(range(first, epochs)), log.of('checkpoint')
    progress = [(e['curr'], e['total']) for e in log.of('progress', category='train')]
    assert progress == sorted(progress), progress
    assert progress[0] == (first - 1, epochs), progress
    assert progress[-1] == (epochs, epochs), progress
    roles = {event['role'] for event in log.of('artifact')}
    assert roles >= {'results', 'args', 'best', 'last', 'labels', 'confusion_matrix', 'train_batch0'}, roles
    assert all((run_dir / event['path']).is_file() and event['size'] for event in log.of('artifact'))
    assert not log.of('message'), log.of('message')
    check_classes(log, run_dir, final['values'])


def check_classes(log: Listing, run_dir: Path, final: dict[str, float]) -> None:
    """The metrics of the classes agree with those of all, and the confusion matrix has every object."""
    from synapse_hooks.journal import read_evaluation

    (event,) = log.of('artifact', role='evaluation')
    found = read_evaluation(run_dir / event['path'])
    scores = [values['mAP50'] for values in found.classes.values()]
    assert abs(sum(scores) / len(scores) - final['metrics/mAP50(B)']) < 1e-4, (scores, final)
    assert found.confusion is not None
    assert found.confusion.labels[-1] == 'background'
    for label, row in zip(found.confusion.labels[:-1], found.confusion.matrix, strict=False):
        assert sum(row) == found.classes.get(label, {}).get('instances', 0), (label, row, found.classes)


def refuse_network() -> list[str]:
    """From now on, every attempt of this process to look up or connect to another machine is in the list, and fails."""
    attempts: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ('socket.getaddrinfo', 'socket.gethostbyname') or (
            event == 'socket.connect' and not isinstance(arguments[1], str | bytes)
        ):
            attempts.append(f'{event} {arguments[1] if event == "socket.connect" else arguments[0]}')
            raise ConnectionRefusedError(attempts[-1])

    sys.addaudithook(hook)
    return attempts


def check_version(model: str, folder: Path) -> dict[str, Any]:
    """Everything for one model, in this process. Returns a summary."""
    attempts = refuse_network()
    from synapse_hooks.autologgers.offline import go_offline

    go_offline(folder / 'config')
    from ultralytics import YOLO, __version__
    from ultralytics.utils import SETTINGS_FILE

    data = make_dataset(folder / 'data')
    settings = Path(SETTINGS_FILE).read_bytes()
    earlier = YOLO(model)

    log, run_dir = Listing(), folder / 'run'
    with attach(log, run_dir):
        inside = YOLO(model)
        results = earlier.train(data=str(data), **QUICK)
    save_dir = Path(results.save_dir)
    assert save_dir == (run_dir / 'ultralytics' / 'train').resolve(), save_dir
    check_run(log, run_dir, save_dir, 2)
    (final,) = log.of('metrics', phase='final')
    losses = [name for name in log.of('metrics', phase='train')[0]['values'] if name.startswith('train/')]

    # Detached: a model made meanwhile trains elsewhere, and nothing more is recorded.
    recorded = len(log.events)
    results = inside.train(data=str(data), project=str(folder / 'own'), name='mine', **{**QUICK, 'epochs': 1})
    assert Path(results.save_dir) == (folder / 'own' / 'mine').resolve(), results.save_dir
    assert len(log.events) == recorded

    check_resume(YOLO, model, data, folder)
    assert Path(SETTINGS_FILE).read_bytes() == settings, 'the settings were written'
    assert not attempts, attempts
    return {'version': __version__, 'model': model, 'losses': losses, 'final': final['values'], 'step': final['step']}


def check_resume(YOLO: Any, model: str, data: Path, folder: Path) -> None:
    """Interrupted in the third epoch of four, then resumed from our own copy of last.pt."""
    from synapse_hooks.autologgers.ultralytics import resumable

    class Interruption(KeyboardInterrupt):
        pass

    def interrupt(trainer: Any) -> None:
        if trainer.epoch == 2:
            raise Interruption

    log, run_dir = Listing(), folder / 'resumed'
    quick = {**QUICK, 'epochs': 4, 'plots': True}
    with attach(log, run_dir):
        interrupted = YOLO(model)
        interrupted.add_callback('on_train_batch_end', interrupt)
        try:
            interrupted.train(data=str(data), **quick)
        except Interruption:
            pass
        else:
            raise AssertionError('the interruption did not come through')
    last = run_dir / 'checkpoints' / 'train' / 'last.pt'
    assert [e['epoch'] for e in log.of('checkpoint', path='checkpoints/train/last.pt')] == [1, 2], log.of('checkpoint')
    assert resumable(last)

    again = Listing()
    with attach(again, run_dir, last):
        results = YOLO(last).train(data=str(data), resume=True)
    save_dir = Path(results.save_dir)
    assert save_dir == (run_dir / 'ultralytics' / 'train').resolve(), save_dir
    check_run(again, run_dir, save_dir, 4, first=3)
    assert not resumable(save_dir / 'weights' / 'last.pt')


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('versions', nargs='*', help='versions of ultralytics; none: the installed one')
    parser.add_argument('--model', action='append', help=f'may be repeated; default: {" and ".join(MODELS)}')
    parser.add_argument('--aside', type=Path, help='where versions are kept; default: a folder that is removed again')
    parser.add_argument('--here', metavar='MODEL', help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if options.here:
            print(json.dumps(check_version(options.here, Path(scratch))))
            return 0
        failed = 0
        for version in options.versions or [None]:
            path = [str(REPOSITORY)]
            if version:
                path.insert(0, str(install(version, options.aside or Path(scratch))))
            for model in options.model or MODELS:
                failed += not run(version or 'installed', model, path)
        return min(failed, 1)


def install(version: str, aside: Path) -> Path:
    folder = aside / f'ultra-{version}'
    if not folder.is_dir():
        command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', str(folder)]
        subprocess.run([*command, f'ultralytics=={version}'], check=True)
    return folder


def run(version: str, model: str, path: list[str]) -> bool:
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(path)}
    command = [sys.executable, __file__, '--here', model]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f'{version:10} {model:13} FAILED\n{done.stderr[-3000:]}', flush=True)
        return False
    found = json.loads(done.stdout.splitlines()[-1])
    assert version in ('installed', found['version']), found
    print(f'{found["version"]:10} {model:13} ok  {" ".join(found["losses"])}  best epoch {found["step"]}', flush=True)
    return True


if __name__ == '__main__':
    sys.exit(main())
