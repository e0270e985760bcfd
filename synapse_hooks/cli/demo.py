"""Watch a model train: scenes of handwritten digits go into the embedded workspace, a small detector learns to find
them on the CPU, and the trained model comes back with a picture of what it sees.

Nothing is downloaded. It takes about two minutes on two cores, and at most four.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

from synapse_hooks.cli.common import Answer

DATASET: Final = 'demo-scenes'
MODEL: Final = 'demo-base'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and for how long."""
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='the workspace to use')
    parser.add_argument('--epochs', metavar='N', type=_epochs, help='passes over the training scenes')


def run(options: argparse.Namespace) -> Answer:
    """Data in, model out."""
    from synapse_hooks.autologgers.offline import go_offline
    from synapse_hooks.backends import Workspace, default_root
    from synapse_hooks.cli.console import on_stderr
    from synapse_hooks.demo.scenes import require_extra

    require_extra('ultralytics', 'sklearn', 'PIL')
    started = time.monotonic()
    say = on_stderr().print
    workspace = Workspace(options.workspace or default_root())
    go_offline(workspace.init() / 'ultralytics')
    # The display shows what matters; ultralytics' own log would go between its lines.
    os.environ.setdefault('YOLO_VERBOSE', 'false')

    say('composing scenes out of handwritten digits ...')
    dataset = _take_in_scenes(workspace)
    splits = ', '.join(f'{name} {count}' for name, count in dataset['splits'].items())
    say(f'[bold]dataset {dataset["id"]}[/] {dataset["name"]}: {dataset["count"]} scenes ({splits})')
    model = _take_in_base(workspace)
    say(f'[bold]model {model["id"]}[/] {model["name"]}: an untrained detector to start from')
    params = {'dataset': dataset['id'], 'checkpoint': model['id']}
    if options.epochs is not None:
        params['epochs'] = options.epochs
    answer = _train(params, workspace, options)
    return answer if answer.error is not None else _judged(answer, workspace, started)


def _epochs(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError('must be from 1 to 1000')
    return number


def _take_in_scenes(workspace: Any) -> Any:
    """The scenes as a dataset of the workspace, through the door that `workspace import` uses."""
    from synapse_hooks.demo.scenes import write_scenes
    from synapse_hooks.storage import scratch

    with scratch(workspace.root / 'demo') as folder:
        write_scenes(folder / 'scenes')
        return workspace.add_dataset(folder / 'scenes', name=DATASET)


def _take_in_base(workspace: Any) -> Any:
    """The untrained detector as a model of the workspace, made once."""
    from synapse_hooks.demo.base import write_base_model
    from synapse_hooks.storage import scratch

    there = next((model for model in workspace.list_models() if model['name'] == MODEL), None)
    if there is not None:
        return there
    with scratch(workspace.root / 'demo') as folder:
        return workspace.create_model(write_base_model(folder / 'base'), name=MODEL, category='base')


def _train(params: dict[str, Any], workspace: Any, options: argparse.Namespace) -> Answer:
    from synapse_hooks.cli.running import run_action
    from synapse_hooks.context import RuntimeContext
    from synapse_hooks.demo.action import TrainParams, YOLOTrainAction

    ctx = RuntimeContext(
        client=workspace,
        target='synapse_hooks.demo.action:YOLOTrainAction',
        block=tuple(options.block),
        only=tuple(options.only),
    )
    return run_action(YOLOTrainAction, TrainParams.model_validate(params), ctx)


def _judged(answer: Answer, workspace: Any, started: float) -> Answer:
    """The answer with the score on scenes that were held out, and a picture."""
    from synapse_hooks.conversion.reader import FormatReader
    from synapse_hooks.demo import contact_sheet, evaluate
    from synapse_hooks.formats.dm import DmFormat

    data = answer.data
    run_dir = Path(data['run_dir'])
    weights = Path(data['model']['path'])
    scores = evaluate(weights, Path(data['dataset']['config_path']))
    stored = workspace.get_dataset(DATASET)
    exported = FormatReader(DmFormat(), {'path': Path(stored['path']), 'format': 'dm'})
    held_out = (sample for sample in exported if sample.split == 'test')
    sheet = contact_sheet(weights, held_out, run_dir / 'predictions.png')
    data.update(mAP50=round(scores['mAP50'], 4), scores=scores, sheet=str(sheet), seconds=time.monotonic() - started)
    best = sorted(scores['classes'].items(), key=lambda item: -item[1])
    prefix = '' if workspace.root == _default() else f' --workspace {workspace.root}'
    # Started by `make demo`, it need not be on the reader's path.
    command = 'synapse-hooks' if shutil.which('synapse-hooks') else sys.argv[0]
    classes = '  '.join(f'{name} {score:.2f}' for name, score in best)
    answer.text = f"""
It learned to find: {classes}
(average precision on scenes it has never seen, after {data['seconds']:.0f} s in all)

  model      {data['model']['id']}, {weights}
  run        {run_dir}
  picture    {sheet}

What to do next:
  look at the picture
  {command} workspace list{prefix}
  {command} train synapse_hooks.demo.action:YOLOTrainAction -p dataset={DATASET} \
-p checkpoint={data['model']['id']} -p epochs=5{prefix}
  {command} hooks convert

mAP50 {scores['mAP50']:.2f}"""
    return answer


def _default() -> Path:
    from synapse_hooks.backends import default_root

    return default_root()
