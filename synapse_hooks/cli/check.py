"""Check a distribution of plugins: its packaging, its tests, and the contracts of the test kit.

The code of the distribution runs: its build, its plugins and its tests. A folder or an sdist is built first. The wheel
is installed into a temporary environment, which sees what is installed here.

The exit code is 1 if a check has failed, 2 if there is no such folder, file or distribution.
"""

from __future__ import annotations

import argparse
import json

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.terminal import one_line

_MARKS = {'ok': 'ok  ', 'warning': 'warn', 'failed': 'FAIL', 'not run': '-   '}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The distribution."""
    parser.add_argument(
        'what',
        metavar='DIST_OR_PATH',
        help='a folder with a pyproject.toml, an sdist, a wheel, or the name of an installed distribution',
    )
    parser.add_argument('--badge', action='store_true', help='print what an endpoint badge of shields.io shows')
    parser.add_argument(
        '--timeout', metavar='SECONDS', type=float, default=900.0, help='how long tests may take (default: 900)'
    )


def run(options: argparse.Namespace) -> CommandResult:
    """Check it."""
    from synapse_hooks.checking import check

    card = check(options.what, seconds=options.timeout)
    code = 0 if card.passed else 1
    if options.badge:
        return CommandResult(card.badge(), json.dumps(card.badge()), code)
    title = f'{card.name} {card.version}'.strip()
    lines = [one_line(title)]
    for section in dict.fromkeys(one.section for one in card.checks):
        lines += ['', section]
        for one in (one for one in card.checks if one.section == section):
            detail = f': {one.detail}' if one.detail else ''
            lines.append(one_line(f'{_MARKS[one.status]}  {one.name}{detail}'))
            if one.hint and one.status != 'ok':
                lines.append(one_line(f'      → {one.hint}'))
    lines += ['', f'grade {card.grade}, {card.summary}']
    return CommandResult(card.to_dict(), '\n'.join(lines), code)
