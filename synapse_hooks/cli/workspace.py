"""The datasets and models of the embedded workspace.

The workspace is --workspace, else SYNAPSE_WORKSPACE, else a folder of the platform's user data.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.cli.common import CommandResult, add_common, limit_numpy_threads

if TYPE_CHECKING:
    from synapse_hooks.backends import Workspace

_RECENT: Final = 10
"""How many jobs a terminal lists."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`init`, `import`, `add-model`, `list`, `rename`, `export`, `remove`."""
    actions = parser.add_subparsers(dest='action', required=True)
    init = actions.add_parser('init', help='create the workspace')
    import_ = actions.add_parser('import', help='import a dataset; prints its id')
    import_.add_argument(
        'source', metavar='SRC', type=Path, help='a folder in any readable format, or a zip or tar of it'
    )
    import_.add_argument('--name', metavar='N', required=True, help='its name')
    import_.add_argument(
        '--from', metavar='FORMAT', dest='source_format', help='the format of SRC; guessed if it is not given'
    )
    import_.add_argument(
        '--unreadable',
        metavar='POLICY',
        help='items that cannot be read: skip, fail, or the tolerated share (0.01); for dm, all items are imported',
    )
    add = actions.add_parser('add-model', help='import a model; prints its id')
    add.add_argument(
        'path', metavar='PATH', type=Path, help='a folder, or one file; a .pt or .pth is stored as best.pt'
    )
    add.add_argument('--name', metavar='N', required=True, help='its name')
    add.add_argument('--category', metavar='C', default='base', help='what kind of model it is (default: base)')
    show = actions.add_parser('list', help='list datasets, models and jobs')
    rename = actions.add_parser('rename', help='give a dataset or a model another name')
    export = actions.add_parser('export', help='write a dataset in DM layout, or the files of a model, into a folder')
    remove = actions.add_parser('remove', help='remove a dataset or a model that no run is using')
    for action in (rename, export, remove):
        action.add_argument('kind', choices=('dataset', 'model'), metavar='KIND', help='dataset or model')
        action.add_argument('record', metavar='RECORD', help='its id or name')
    rename.add_argument('name', metavar='NAME', help='its new name')
    export.add_argument('out', metavar='OUT', type=Path, help='the folder, new or empty')
    remove.add_argument('--yes', action='store_true', help='do not ask')
    for action in (init, import_, add, show, rename, export, remove):
        action.add_argument('--workspace', metavar='DIR', type=Path, help='the workspace to use')
        add_common(action, subcommand=True)


def run(options: argparse.Namespace) -> CommandResult:
    """Run the action."""
    from synapse_hooks.backends import Workspace, default_root

    workspace = Workspace(options.workspace or default_root())
    if options.action == 'init':
        root = workspace.init()
        return CommandResult({'path': str(root)}, str(root), has_side_effects=True)
    if options.action == 'import':
        return _import(options, workspace)
    if options.action == 'add-model':
        model = workspace.create_model(options.path, name=options.name, category=options.category)
        data = {'id': model['id'], 'name': model.get('name')}
        return CommandResult(data, str(model['id']), has_side_effects=True)
    if options.action in ('rename', 'export', 'remove'):
        return _change(options, workspace)
    return _list(workspace)


def _change(options: argparse.Namespace, workspace: Workspace) -> CommandResult:
    from synapse_hooks.cli import workspace_records as records

    if options.action == 'rename':
        return records.rename(workspace, options.kind, options.record, options.name)
    if options.action == 'export':
        return records.export(workspace, options.kind, options.record, options.out)
    return records.remove(workspace, options.kind, options.record, yes=options.yes)


def _import(options: argparse.Namespace, workspace: Any) -> CommandResult:
    limit_numpy_threads()
    from synapse_hooks.cli.conversion import ConversionRecorder, convert_into
    from synapse_hooks.cli.input_dataset import number_or_text, open_input
    from synapse_hooks.cli.reporter import open_reporter
    from synapse_hooks.conversion.reader import explain_os_errors
    from synapse_hooks.plugins import build, load_settings
    from synapse_hooks.storage import scratch

    tolerance = number_or_text(options.unreadable)
    plugins = build(load_settings(block=options.block, only=options.only))
    with (
        open_reporter() as reporter,
        explain_os_errors(options.source),
        open_input(plugins, options.source, options.source_format) as source,
    ):
        recorder = ConversionRecorder(reporter, source.with_archive_path)
        if source.note:
            recorder.info(source.note)
        if source.dataset['format'] == 'dm':
            record = workspace.add_dataset(source.dataset['path'], name=options.name)
        else:
            workspace.init()
            with scratch(workspace.root / 'import') as staged:
                params = {'unreadable': tolerance}
                converted = convert_into(staged, source.dataset, 'dm', plugins, recorder, params=params).dataset
                recorder.report_throughput()
                record = workspace.add_dataset(converted['path'], name=options.name, classes=converted.get('classes'))
    data = {name: record[name] for name in ('id', 'name', 'count', 'splits')}
    return CommandResult({**data, 'losses': recorder.report}, str(record['id']), has_side_effects=True)


def _list(workspace: Any) -> CommandResult:
    from synapse_hooks.cli.table import table
    from synapse_hooks.cli.text_width import terminal_columns

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
    return CommandResult({'path': str(workspace.root), 'datasets': datasets, 'models': models, 'jobs': jobs}, text)


def _job(job: dict[str, Any]) -> str:
    """The status of a job and, if it can be resumed, its run."""
    run_dir = (job.get('meta') or {}).get('run_dir')
    return job['status'] if job['status'] == 'SUCCEEDED' or not run_dir else f'{job["status"]} {run_dir}'
