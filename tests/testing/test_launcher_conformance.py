"""The contract of a launcher is held by one that keeps it, and reports what a broken one breaks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import ClassVar

import pytest

from synapse_hooks.launching import BaseLauncher, Resources, RunOutcome, RunPlan, read_outcome
from synapse_hooks.testing import LauncherConformance

RUN = 'import sys; from synapse_hooks.cli import main; sys.exit(main(["run-plan"]))'


class Launcher(BaseLauncher):
    """Runs plans in processes: `fault` says what is wrong with it."""

    name = 'processes'

    def __init__(self, folder: Path, fault: str = '') -> None:
        self.folder, self.fault = folder, fault

    def run_plan(self, plan: RunPlan, resources: Resources, cancelled: Event) -> RunOutcome:
        if self.fault == 'early':
            return RunOutcome('succeeded', plan.run_dir)
        text = plan.to_json()
        if self.fault == 'file':
            (self.folder / 'plan.json').write_text(text)
        command = [sys.executable, '-c', RUN, *([text] if self.fault == 'argument' else [])]
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert worker.stdin is not None
        worker.stdin.write(text)
        worker.stdin.close()
        while worker.poll() is None:
            if cancelled.wait(0.02):
                if self.fault == 'leaves':
                    return RunOutcome('cancelled', plan.run_dir)
                worker.terminate()
                worker.wait()
        if self.fault == 'raises' and worker.returncode:
            raise OSError(f'exit code {worker.returncode}')
        return read_outcome(plan.run_dir)


class TestLauncher(LauncherConformance):
    fault: ClassVar[str] = ''

    def make_launcher(self, folder: Path) -> BaseLauncher:
        return Launcher(folder, self.fault)


@pytest.mark.parametrize(
    ('fault', 'test', 'message'),
    [
        (
            'early',
            'a_run_is_complete_when_the_launcher_returns',
            'must return what read_outcome',
        ),
        ('early', 'a_cancelled_run_ends_and_is_resumed', 'the journal of a run must arrive'),
        ('file', 'the_plan_is_written_nowhere', r'must not be in files: .*plan\.json'),
        ('argument', 'the_plan_is_written_nowhere', 'must not be in the arguments of a process'),
        ('raises', 'a_failure_is_part_of_the_outcome', 'must return how the run ended, and raises OSError'),
        ('leaves', 'a_cancelled_run_ends_and_is_resumed', 'still at work'),
    ],
)
def test_a_broken_promise_is_reported(tmp_path: Path, fault: str, test: str, message: str) -> None:
    broken = type('Broken', (TestLauncher,), {'fault': fault})()
    with pytest.raises(AssertionError, match=message):
        getattr(broken, f'test_{test}')(tmp_path)


@pytest.mark.parametrize('test', ['a_cancelled_run_ends_and_is_resumed', 'a_killed_worker_does_not_hang'])
def test_plugins_beside_it_may_log_metrics(tmp_path: Path, test: str) -> None:
    project = tmp_path / 'project'
    project.mkdir()
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["hooks.py"]\n')
    (project / 'hooks.py').write_text(
        'from synapse_hooks import hookimpl\n\n\n'
        '@hookimpl\ndef step_started(context, step):\n    context.log_metrics({f"seconds/{step.name}": 0.5})\n'
    )
    getattr(TestLauncher(), f'test_{test}')(tmp_path)
