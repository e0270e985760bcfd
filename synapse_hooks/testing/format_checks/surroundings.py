"""Tests of a format: the process is as before.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from synapse_hooks.testing.conversion import open_dataset
from synapse_hooks.testing.format_checks.case import FormatCase
from synapse_hooks.testing.plugins import reads
from synapse_hooks.testing.process_state import process_state


class Surroundings(FormatCase):
    """The process is as before."""

    def test_the_process_is_as_before(self, tmp_path: Path) -> None:
        """A conversion leaves working directory, environment, import path, signal handlers, root logger, streams, the
        random generator and threads as they were, and writes nothing into the working directory.
        """
        working, given = tmp_path / 'working', Path.cwd()
        working.mkdir()
        os.chdir(working)
        try:
            before, threads = process_state(), set(threading.enumerate())
            dataset = self.dataset(tmp_path / 'data')
            if reads(self.format):
                for _ in open_dataset(dataset, self.format):
                    pass
            after = process_state()
        finally:
            os.chdir(given)
        changed = [name for name in before if before[name] != after[name]]
        assert not changed, (
            f'a conversion changed {", ".join(changed)}: restore it (random numbers: `random.Random(seed)`)'
        )
        written = sorted(path.name for path in working.iterdir())
        assert not written, f'a conversion wrote {written} into the working directory: write below `out` only'
        started = set(threading.enumerate()) - threads
        for thread in started:
            thread.join(2.0)
        running = sorted(thread.name for thread in started if thread.is_alive())
        assert not running, f'threads go on after a conversion: {running}; end them before write() returns'
