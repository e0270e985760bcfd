"""The runs of the workspace: list them, look at one, compare several, note something, tidy up.

Without an action, the runs are listed, the newest first. RUN is the name of a run, a beginning of one that no other run
has, the id or name of its model, `last`, or the path of a run directory.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.cli.common import CommandResult, add_common
from synapse_hooks.errors import ConfigError

if TYPE_CHECKING:
    from synapse_hooks.runs import Run, Runs

_HELP: Final = {
    'show': 'show a run: outcome, stages, parameters, metrics, versions',
    'compare': 'compare runs: what differs between them comes first',
    'note': 'set the note of a run that is over',
    'remove': 'remove runs',
    'prune': 'remove all but the newest runs, or those that are old',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The list and its options; the actions."""
    _add_place(parser, argparse_default=None)
    parser.add_argument(
        '--filter',
        metavar='FIELD=VALUE',
        action='append',
        default=[],
        dest='filters',
        help='only runs of which this holds (repeatable): = != < > <= >= ~; params.NAME and metrics.NAME are fields',
    )
    parser.add_argument(
        '--sort', metavar='FIELD', help='sort by a field, metrics from the best on; `--sort=-FIELD` reverses the order'
    )
    parser.add_argument('--limit', metavar='N', type=_count, help='the first N runs only')
    parser.add_argument('--csv', action='store_true', help='print all fields as CSV')
    actions = parser.add_subparsers(dest='action', metavar='ACTION')
    added = {name: actions.add_parser(name, help=text, description=text) for name, text in _HELP.items()}
    added['show'].add_argument('run', metavar='RUN', help='the run')
    added['compare'].add_argument('runs', metavar='RUN', nargs='+', help='the runs, two or more')
    added['compare'].add_argument('--all', action='store_true', help='show what is equal, too')
    added['note'].add_argument('run', metavar='RUN', help='the run')
    added['note'].add_argument('text', metavar='TEXT', help='the note; an empty text removes it')
    added['remove'].add_argument('runs', metavar='RUN', nargs='+', help='the runs')
    added['prune'].add_argument('--keep', metavar='N', type=_count, help='keep the newest N runs')
    added['prune'].add_argument(
        '--older-than', metavar='AGE', help='remove only runs that were begun before that: 30d, 12h, 2w'
    )
    added['prune'].add_argument('--dry-run', action='store_true', help='show what would be removed')
    for name in ('remove', 'prune'):
        added[name].add_argument('--yes', action='store_true', help='do not ask')
        added[name].add_argument(
            '--force', action='store_true', help='remove the only copy of a model that was not uploaded, too'
        )
    for action in added.values():
        _add_place(action, argparse_default=argparse.SUPPRESS)
        add_common(action, subcommand=True)


def _add_place(parser: argparse.ArgumentParser, argparse_default: Any) -> None:
    parser.add_argument(
        '--workspace', metavar='DIR', type=Path, default=argparse_default, help='the workspace, or a folder of runs'
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'must be a whole number, got {text!r}')
    return int(text)


def run(options: argparse.Namespace) -> CommandResult:
    """List, or run the action."""
    from synapse_hooks.runs import Runs

    runs = Runs(options.workspace)
    match options.action:
        case 'show':
            from synapse_hooks.cli.run_details import details

            return details(runs.find(options.run))
        case 'compare':
            from synapse_hooks.cli.run_comparison import comparison

            return comparison(_distinct(runs, options.runs), show_all=options.all)
        case 'note':
            return _note(runs.find(options.run), options.text)
        case 'remove' | 'prune':
            return _remove(runs, options)
    return _list(runs, options)


def _note(run: Run, text: str) -> CommandResult:
    from synapse_hooks.runs.notes import set_note

    changed = set_note(run, text)
    data = {'name': changed.name, 'path': str(changed.path), 'note': changed.note}
    return CommandResult(data, changed.note or 'the note was removed', has_side_effects=True)


def _remove(runs: Runs, options: argparse.Namespace) -> CommandResult:
    from synapse_hooks.cli.run_removal import age_of, prune_runs, remove_runs

    if options.action == 'remove':
        found = {run.path: run for run in map(runs.find, options.runs)}
        return remove_runs(list(found.values()), force=options.force, yes=options.yes)
    return prune_runs(
        runs,
        keep=options.keep,
        older_than=None if options.older_than is None else age_of(options.older_than),
        force=options.force,
        yes=options.yes,
        dry_run=options.dry_run,
    )


def _distinct(runs: Runs, wanted: list[str]) -> list[Run]:
    found = {run.path: run for run in map(runs.find, wanted)}
    if len(found) < 2:
        raise ConfigError('a comparison needs two runs or more', hint='name another run; see `synapse-hooks runs`')
    return list(found.values())


def _list(runs: Runs, options: argparse.Namespace) -> CommandResult:
    from synapse_hooks.runs.conditions import Condition, select
    from synapse_hooks.runs.fields import sorted_runs

    if options.csv and options.json:
        raise ConfigError('both --csv and --json were given', hint='give one of them')
    conditions = [Condition.parse(text) for text in options.filters]
    found = select(runs, conditions)
    if options.sort is not None:
        found = sorted_runs(found, options.sort)
    shown = found[: options.limit]
    if options.csv:
        return CommandResult({}, _csv(shown))
    data = {'path': str(runs.folder), 'count': len(found), 'runs': [run.to_dict() for run in shown]}
    return CommandResult(data, _text(runs, found, shown, options.sort))


def _csv(runs: list[Run]) -> str:
    import csv
    import io

    from synapse_hooks.runs.dataframes import flat_columns

    columns = flat_columns([run.to_dict() for run in runs])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue().rstrip('\n')


def _text(runs: Runs, found: list[Run], shown: list[Run], sort: str | None) -> str:
    from synapse_hooks.cli.table import table
    from synapse_hooks.runs.fields import FIELDS, value_of
    from synapse_hooks.runs.summary import HEADINGS, summary_cells

    if not found:
        there = f'none of the {len(runs):,} runs in {runs.folder} fits' if len(runs) else 'there are no runs in'
        return there if len(runs) else f'{there} {runs.folder}'
    headings, rows = list(HEADINGS), [summary_cells(run) for run in shown]
    field = (sort or '').removeprefix('-')
    if field and field not in FIELDS:
        headings.insert(-1, field)
        for row, run in zip(rows, shown, strict=True):
            value = value_of(run, field)
            row.insert(-1, f'{value:.4g}' if isinstance(value, float) else value)
    # A column that says nothing takes space from the others.
    used = [place for place in range(len(headings)) if place == 0 or any(row[place] for row in rows)]
    text = table([headings[place] for place in used], [[row[place] for place in used] for row in rows])
    problems = [f'{run.path.name} is unreadable: {run.problem}' for run in shown if run.problem]
    more = [f'{len(found) - len(shown):,} more: --limit'] if len(shown) < len(found) else []
    return '\n'.join([text, *([''] if problems or more else []), *problems, *more])
