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

from synapse_hooks.cli.common import CommandResult

DATASET: Final = 'demo-scenes'
MODEL: Final = 'demo-base'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The workspace, and the number of epochs."""
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='the workspace to use')
    parser.add_argument('--epochs', metavar='N', type=_epochs, help='passes over the training scenes')


def run(options: argparse.Namespace) -> CommandResult:
    """Import the scenes, train, score the model."""
    from synapse_hooks.autologgers.offline import go_offline
    from synapse_hooks.backends import Workspace, default_root
    from synapse_hooks.cli.console import on_stderr
    from synapse_hooks.demo.scenes import require_extra

    require_extra('ultralytics', 'sklearn', 'PIL')
    started = time.monotonic()
    print_line = on_stderr().print
    workspace = Workspace(options.workspace or default_root())
    go_offline(workspace.init() / 'ultralytics')
    # The log of ultralytics would mix with the lines of the display.
    os.environ.setdefault('YOLO_VERBOSE', 'false')

    print_line('composing scenes out of handwritten digits ...')
    dataset = _import_scenes(workspace)
    splits = ', '.join(f'{name} {count}' for name, count in dataset['splits'].items())
    print_line(f'[bold]dataset {dataset["id"]}[/] {dataset["name"]}: {dataset["count"]} scenes ({splits})')
    model = _import_base_model(workspace)
    print_line(f'[bold]model {model["id"]}[/] {model["name"]}: an untrained detector to start from')
    params = {'dataset': dataset['id'], 'checkpoint': model['id']}
    if options.epochs is not None:
        params['epochs'] = options.epochs
    result = _train(params, workspace, options)
    return result if result.error is not None else _with_scores(result, workspace, started)


def _epochs(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError('must be from 1 to 1000')
    return number


def _import_scenes(workspace: Any) -> Any:
    """Import the scenes into the workspace, as `workspace import` does."""
    from synapse_hooks.demo.scenes import write_scenes
    from synapse_hooks.storage import scratch

    with scratch(workspace.root / 'demo') as folder:
        write_scenes(folder / 'scenes')
        return workspace.add_dataset(folder / 'scenes', name=DATASET)


def _import_base_model(workspace: Any) -> Any:
    """The untrained detector as a model of the workspace; created once."""
    from synapse_hooks.demo.base import write_base_model
    from synapse_hooks.storage import scratch

    existing = next((model for model in workspace.list_models() if model['name'] == MODEL), None)
    if existing is not None:
        return existing
    with scratch(workspace.root / 'demo') as folder:
        return workspace.create_model(write_base_model(folder / 'base'), name=MODEL, category='base')


def _train(params: dict[str, Any], workspace: Any, options: argparse.Namespace) -> CommandResult:
    from synapse_hooks.cli.run_action import run_action
    from synapse_hooks.context import RuntimeContext
    from synapse_hooks.demo.action import TrainParams, YOLOTrainAction

    ctx = RuntimeContext(
        client=workspace,
        target='synapse_hooks.demo.action:YOLOTrainAction',
        block=tuple(options.block),
        only=tuple(options.only),
    )
    return run_action(YOLOTrainAction, TrainParams.model_validate(params), ctx)


def _with_scores(result: CommandResult, workspace: Any, started: float) -> CommandResult:
    """The result with the score on the test scenes, and a picture."""
    from synapse_hooks.conversion.reader import FormatReader
    from synapse_hooks.demo import contact_sheet, evaluate
    from synapse_hooks.formats.dm import DmFormat

    data = result.data
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
    # With `make demo` the command may not be on the PATH.
    command = 'synapse-hooks' if shutil.which('synapse-hooks') else sys.argv[0]
    classes = '  '.join(f'{name} {score:.2f}' for name, score in best)
    result.text = f"""
It learned to find: {classes}
(average precision on scenes it has never seen, after {data['seconds']:.0f} s in all)

  model      {data['model']['id']}, {weights}
  run        {run_dir}
  picture    {sheet}

What to do next:
  look at the picture
  {command} report {run_dir.name} --html{prefix}
  {command} workspace list{prefix}
  {command} train synapse_hooks.demo.action:YOLOTrainAction -p dataset={DATASET} \
-p checkpoint={data['model']['id']} -p epochs=5{prefix}
  {command} hooks convert

mAP50 {scores['mAP50']:.2f}"""
    return result


def _default() -> Path:
    from synapse_hooks.backends import default_root

    return default_root()
