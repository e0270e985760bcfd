"""Watch a run that goes on in another process, in another terminal or on a machine that shares the folder.

What is shown is what `train` shows in its own terminal. Ctrl-C ends the display, not the run. RUN is the name of a
run, a beginning of one that no other run has, the id or name of its model, `last` (the default), or the path of a run
directory.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synapse_hooks.cli.common import CommandResult

if TYPE_CHECKING:
    from synapse_hooks.cli.journal_display import JournalDisplay

_QUIET: Final = 3.0
"""Seconds without an event after which a run that no process drives has ended."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run."""
    parser.add_argument('run', metavar='RUN', nargs='?', default='last', help='the run; without it, the last one')
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='the workspace, or a folder of runs')


def run(options: argparse.Namespace) -> CommandResult:
    """Watch until the run ends."""
    from synapse_hooks.cli.display import Display
    from synapse_hooks.cli.journal_display import JournalDisplay
    from synapse_hooks.runs import Run, Runs
    from synapse_hooks.runs.summary import status_text

    found = Runs(options.workspace).find(options.run)
    display = Display()
    display.begin(found.path)
    shown = JournalDisplay(found.path, display)
    try:
        shown.show_backlog()
        _follow(shown)
    except KeyboardInterrupt as interrupted:
        interrupted.add_note(f'the run goes on: `synapse-hooks watch {found.path}` shows it again')
        raise
    finally:
        display.end()
    ended = Run(found.path)
    best = ended.best_metric
    words = [ended.name, status_text(ended), *([] if best is None else [str(best)])]
    data = {'run': ended.name, 'path': str(ended.path), 'status': ended.status, 'error': ended.error}
    return CommandResult(data, ', '.join(words), 0 if ended.status == 'succeeded' else 1)


def _follow(shown: JournalDisplay) -> None:
    """Show every event, until the run ends."""
    from synapse_hooks.cli.journal_display import POLL
    from synapse_hooks.journal import is_driven

    quiet = time.monotonic()
    while not shown.has_ended:
        if shown.show_new():
            quiet = time.monotonic()
        elif time.monotonic() > quiet + _QUIET and not is_driven(shown.run_dir):
            return
        else:
            time.sleep(POLL)
