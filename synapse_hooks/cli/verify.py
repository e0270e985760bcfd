"""Check files on disk: an exported dataset, or the output of the stages of a run.

A dataset is compared with its items.jsonl: every file exists and has its size, with --deep its SHA-256. The output of a
stage is compared with run.json: names, sizes and modification times of its files. The exit code is 1 if something has
changed.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.errors import ConfigError

_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder to check, and how."""
    parser.add_argument(
        'path',
        metavar='DATASET_OR_RUN',
        type=Path,
        help='the folder of an exported dataset or a run, or the name of a run',
    )
    parser.add_argument('--deep', action='store_true', help='read every byte of exported datasets')


def run(options: argparse.Namespace) -> CommandResult:
    """Check, and report."""
    from synapse_hooks.backends.synapse.verifying import is_export
    from synapse_hooks.cli.run_folder import run_folder
    from synapse_hooks.journal.record import RECORD

    folder = run_folder(options.path)
    if not folder.exists():
        raise ConfigError(
            f'there is no folder and no run {str(folder)!r}',
            hint='check the path, or see `synapse-hooks runs`',
            path=str(folder),
        )
    if (folder / RECORD).is_file():
        checks = _run_checks(folder, options.deep)
    elif is_export(folder):
        checks = [_export_check('dataset', folder, options.deep)]
    else:
        raise ConfigError(
            f'{folder} has neither an items.jsonl nor a run.json to compare it with',
            hint='name the folder of a run, or of a dataset that was exported from a backend',
            path=str(folder),
        )
    damaged = any(check['problems'] for check in checks)
    text = '\n'.join(line for check in checks for line in _lines(check))
    if again := next((check['again'] for check in checks if 'again' in check), ''):
        text += f'\n  → to run this stage and all after it again: `{again}`'
    data = {'path': str(folder), 'deep': options.deep, 'damaged': damaged, 'checks': checks}
    return CommandResult(data, text or 'nothing to check: no stage of the run has ended', 1 if damaged else 0)


def _run_checks(folder: Path, deep: bool) -> list[dict[str, Any]]:
    from synapse_hooks.backends.synapse.verifying import is_export
    from synapse_hooks.journal import RunDirectory
    from synapse_hooks.steps.output import output_problem
    from synapse_hooks.steps.reuse import DONE
    from synapse_hooks.storage import relocate

    directory = RunDirectory.open(folder)
    record = directory.read()
    if record.get('run_dir'):
        # The folder may have been moved since.
        record = relocate(record, Path(record['run_dir']), directory.path)
    checks = []
    for stage in record['stages']:
        if stage['status'] not in DONE:
            continue
        place = Path(stage['published']['path']) if stage.get('published') else None
        if place is not None and is_export(place):
            check = _export_check(stage['name'], place, deep)
        else:
            check = {'name': stage['name'], 'path': None if place is None else str(place), 'problems': []}
        if problem := output_problem(stage):
            check['again'] = f'synapse-hooks resume {shlex.quote(str(folder))} --from-stage {stage["name"]}'
            check['problems'] = check['problems'] or [{'path': str(place or ''), 'problem': problem}]
        checks.append(check)
    return checks


def _export_check(name: str, folder: Path, deep: bool) -> dict[str, Any]:
    from synapse_hooks.backends.synapse.verifying import verify_export

    items, damages = verify_export(folder, deep=deep)
    problems = [{'path': damage.path, 'problem': damage.problem} for damage in damages]
    return {'name': name, 'path': str(folder), 'items': items, 'problems': problems}


def _lines(check: dict[str, Any]) -> list[str]:
    problems = check['problems']
    head = f'{check["name"]:12} {"damaged" if problems else "whole"}'
    if 'items' in check:
        head += f', {check["items"]:,} items'
    shown = [f'  {problem["path"]} {problem["problem"]}' for problem in problems[:_SHOWN]]
    more = [f'  and {len(problems) - _SHOWN:,} more'] if len(problems) > _SHOWN else []
    return [head, *shown, *more]
