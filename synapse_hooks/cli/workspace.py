"""The datasets and models of the embedded workspace.

The workspace is --workspace, else SYNAPSE_WORKSPACE, else a folder of the platform's user data.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from synapse_hooks.cli.common import Answer, add_common, one_thread_for_numpy

_RECENT: Final = 10
"""Jobs in the list on a terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`init`, `import`, `add-model`, `list`."""
    actions = parser.add_subparsers(dest='action', required=True)
    init = actions.add_parser('init', help='make the workspace')
    take = actions.add_parser('import', help='take a dataset in; prints its id')
    take.add_argument(
        'source', metavar='SRC', type=Path, help='a folder in any format that can be read, or a zip or tar of it'
    )
    take.add_argument('--name', metavar='N', required=True, help='what to call it')
    take.add_argument('--from', metavar='FORMAT', dest='source_format', help='guessed when it is left out')
    take.add_argument(
        '--unreadable',
        metavar='POLICY',
        help='items that cannot be read: skip, fail, or the tolerated share (0.01); of dm all are taken',
    )
    add = actions.add_parser('add-model', help='take a model in; prints its id')
    add.add_argument(
        'path', metavar='PATH', type=Path, help='a folder, or one file; a .pt or .pth is stored as best.pt'
    )
    add.add_argument('--name', metavar='N', required=True, help='what to call it')
    add.add_argument('--category', metavar='C', default='base', help='what kind of model it is (default: base)')
    show = actions.add_parser('list', help='what there is')
    for action in (init, take, add, show):
        action.add_argument('--workspace', metavar='DIR', type=Path, help='which workspace')
        add_common(action, again=True)


def run(options: argparse.Namespace) -> Answer:
    """Do one of them."""
    from synapse_hooks.backends import Workspace, default_root

    workspace = Workspace(options.workspace or default_root())
    if options.action == 'init':
        root = workspace.init()
        return Answer({'path': str(root)}, str(root), stands_alone=True)
    if options.action == 'import':
        return _import(options, workspace)
    if options.action == 'add-model':
        model = workspace.create_model(options.path, name=options.name, category=options.category)
        data = {'id': model['id'], 'name': model.get('name')}
        return Answer(data, str(model['id']), stands_alone=True)
    return _list(workspace)


def _import(options: argparse.Namespace, workspace: Any) -> Answer:
    one_thread_for_numpy()
    from synapse_hooks.cli.conversion import Losses, convert_into
    from synapse_hooks.cli.reading import number_or_text, open_source
    from synapse_hooks.cli.voice import voice
    from synapse_hooks.conversion.reader import reading
    from synapse_hooks.plugins import build, load_settings
    from synapse_hooks.storage import scratch

    tolerance = number_or_text(options.unreadable)
    plugins = build(load_settings(block=options.block, only=options.only))
    with (
        voice() as said,
        reading(options.source),
        open_source(plugins, options.source, options.source_format) as source,
    ):
        losses = Losses(said, source.named)
        if source.remark:
            losses.say(source.remark)
        if source.dataset['format'] == 'dm':
            record = workspace.add_dataset(source.dataset['path'], name=options.name)
        else:
            workspace.init()
            with scratch(workspace.root / 'import') as staged:
                asked = {'unreadable': tolerance}
                made = convert_into(staged, source.dataset, 'dm', plugins, losses, params=asked).dataset
                losses.say_pace()
                record = workspace.add_dataset(made['path'], name=options.name, classes=made.get('classes'))
    data = {name: record[name] for name in ('id', 'name', 'count', 'splits')}
    return Answer({**data, 'losses': losses.report}, str(record['id']), stands_alone=True)


def _list(workspace: Any) -> Answer:
    from synapse_hooks.cli.table import table
    from synapse_hooks.cli.widths import terminal_columns

    datasets, models, jobs = workspace.list_datasets(), workspace.list_models(), workspace.list_jobs()
    rows = [['dataset', d['id'], d['name'], f'{d["count"]} items', d['created']] for d in datasets]
    rows += [['model', m['id'], m['name'], m.get('category'), m['created']] for m in models]
    recent = jobs if terminal_columns() is None else jobs[-_RECENT:]
    rows += [['job', j['id'], j.get('action'), _job(j), j['created']] for j in recent]
    nothing = (
        f'{workspace.root} is empty' if workspace.root.is_dir() else f'there is no workspace at {workspace.root} yet'
    )
    text = table(['', 'id', 'name', '', 'created'], rows) if rows else nothing
    if len(jobs) > len(recent):
        text += f'\n\nThe newest {len(recent)} of {len(jobs)} jobs; --json has all.'
    return Answer({'path': str(workspace.root), 'datasets': datasets, 'models': models, 'jobs': jobs}, text)


def _job(job: dict[str, Any]) -> str:
    """Its status and, where there is something left to do, the run to resume."""
    run_dir = (job.get('meta') or {}).get('run_dir')
    return job['status'] if job['status'] == 'SUCCEEDED' or not run_dir else f'{job["status"]} {run_dir}'
