"""The contract of a launcher, as a test class that its author subclasses.

    from synapse_hooks.testing import LauncherConformance

    class TestAcme(LauncherConformance):
        def make_launcher(self, folder):
            return AcmeLauncher()

pytest collects the subclass and runs every test; `tmp_path` is a fixture of pytest. Workers run on this machine, with
what is installed here.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, ClassVar, Final

from synapse_hooks.actions.target import load_action
from synapse_hooks.backends import Workspace
from synapse_hooks.context import RuntimeContext
from synapse_hooks.journal import read_events
from synapse_hooks.launching import BaseLauncher, Resources, RunOutcome, RunPlan, read_outcome
from synapse_hooks.launching.driver import LOCAL, prepare_launch
from synapse_hooks.testing.plugins import check_plugin

_ACTION: Final = """\
import os, time
from pathlib import Path
from synapse_hooks import BaseTrainAction, BaseTrainParams


class Params(BaseTrainParams):
    key: str = ''
    does: str = ''


class Train(BaseTrainAction[Params]):
    def execute(self, data_path, checkpoint):
        arguments = [file.read_bytes() for file in Path('/proc').glob('[0-9]*/cmdline') if os.access(file, os.R_OK)]
        shown = bool(self.params.key) and any(self.params.key.encode() in each for each in arguments)
        self.log_metrics({'pid': os.getpid(), 'shown': shown}, step=1)
        begun = Path(data_path, 'begun')
        if self.params.does == 'wait' and not begun.exists():
            begun.touch()
            while True:
                time.sleep(0.05)
        if self.params.does == 'fail':
            raise ValueError('the action fails')
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(bytes(100_000))
        return {'weights_path': str(weights)}
"""


class LauncherConformance:
    """Subclass it in a test module, and write `make_launcher`."""

    # -- what an author writes ---------------------------------------------------------------------------------------

    seconds: ClassVar[float] = 60.0
    """How long a test waits for a run to begin or to end."""

    def make_launcher(self, folder: Path) -> BaseLauncher:
        """A new launcher, as a new process makes it.

        Args:
            folder: An existing folder, the same in each call of a test: for what the launcher writes.
        """
        raise NotImplementedError('return the launcher under test')

    # -- the contract ------------------------------------------------------------------------------------------------

    def test_it_is_a_valid_plugin(self, tmp_path: Path) -> None:
        """It has a name, answers `launch` for this, and declines other names."""
        launcher = self.make_launcher(tmp_path)
        hooks = check_plugin(launcher)
        assert 'launch' in hooks, f'it must answer launch, and answers {hooks}'
        assert launcher.name, 'its class must have a `name`'
        plan = RunPlan(target='none:None', run_dir=str(tmp_path))
        answer = launcher.launch('another', plan, Resources(), Event())
        assert answer is None, f'it must decline the name of another launcher, and answers {answer!r}'

    def test_a_run_is_complete_when_the_launcher_returns(self, tmp_path: Path) -> None:
        """The run directory has the outcome, the journal and the weights."""
        outcome = self._run(tmp_path)
        assert outcome.outcome == 'succeeded', f'the run must succeed, and ended as {outcome.outcome}: {outcome.error}'
        assert outcome == read_outcome(outcome.run_dir), 'it must return what read_outcome(plan.run_dir) reads'
        ends = list(read_events(Path(outcome.run_dir), types=('run_end',)))
        assert len(ends) == 1, f'the journal must have the end of the run once, and has it {len(ends)} times'
        weights = Path(str((outcome.result or {}).get('weights_path')))
        assert weights.is_file(), f'the weights must be in the run directory, and {weights} is missing'

    def test_the_plan_is_written_nowhere(self, tmp_path: Path) -> None:
        """Parameters may be secrets: they are in no argument of a process, and in no file but the record of the run."""
        key = secrets.token_hex(16)
        outcome = self._run(tmp_path, key=key)
        assert outcome.outcome == 'succeeded', f'the run must succeed, and ended as {outcome.outcome}: {outcome.error}'
        assert not outcome.metrics['shown'], 'the plan must not be in the arguments of a process: use a pipe'
        others = [file for file in tmp_path.rglob('*') if file.is_file() and not {'run', 'workspace'} & {*file.parts}]
        files = [str(file) for file in others if key.encode() in file.read_bytes()]
        assert not files, f'the plan must not be in files: {", ".join(files)}'

    def test_a_failure_is_part_of_the_outcome(self, tmp_path: Path) -> None:
        """An action that raises is not an error of the launcher."""
        outcome = self._run(tmp_path, does='fail')
        message = str((outcome.error or {}).get('message'))
        assert outcome.outcome == 'failed', f'the run must fail, and ended as {outcome.outcome}'
        assert 'the action fails' in message, f'the error must be that of the action, got {message!r}'

    def test_a_cancelled_run_ends_and_is_resumed(self, tmp_path: Path) -> None:
        """It has ended when the launcher returns; launched again, it goes on."""
        cancelled = Event()
        with self._waiting(tmp_path, cancelled) as (pid, running):
            cancelled.set()
            outcome = self._ended(running, 'after `cancelled` was set')
            assert not _signal(pid, 0), 'the launcher must wait until the run has ended, and it is still at work'
        assert outcome.outcome == 'cancelled', f'the run must be cancelled, and ended as {outcome.outcome}'
        outcome = self._run(tmp_path, does='wait', resume=True)
        assert outcome.outcome == 'succeeded', f'it must go on, and ended as {outcome.outcome}: {outcome.error}'

    def test_a_killed_worker_does_not_hang(self, tmp_path: Path) -> None:
        """The run has failed, unless the launcher starts it again."""
        with self._waiting(tmp_path, Event()) as (pid, running):
            _signal(pid, signal.SIGKILL)
            outcome = self._ended(running, 'after its process was killed')
        expected = 'failed', 'succeeded'
        assert outcome.outcome in expected, f'the run must have failed or gone on, and ended as {outcome.outcome}'

    # -- how it is tested --------------------------------------------------------------------------------------------

    def _plan(self, folder: Path, params: dict[str, Any], *, resume: bool = False) -> RunPlan:
        project = folder / 'project'
        (project / 'data').mkdir(parents=True, exist_ok=True)
        (project / 'pyproject.toml').touch()
        file = project / 'conformance.py'
        file.write_text(_ACTION, encoding='utf-8')
        kind, target, _ = load_action(f'{file}:Train')
        place: dict[str, Any] = {
            'client': Workspace(folder / 'workspace'),
            'run_dir': folder / 'run',
            'project': project,
        }
        ctx: RuntimeContext = RuntimeContext(**place, target=target, resume=resume)
        action = kind({'data_path': str(project / 'data'), **params}, ctx)
        return prepare_launch(action.setup_run(), LOCAL, Resources()).plan

    def _launch(self, folder: Path, plan: RunPlan, cancelled: Event) -> Future[Any]:
        launcher = self.make_launcher(folder)
        pool = ThreadPoolExecutor(1, 'launch')
        return pool.submit(launcher.launch, launcher.name, plan, Resources(), cancelled)

    def _ended(self, running: Future[Any], when: str) -> RunOutcome:
        try:
            outcome = running.result(self.seconds)
        except TimeoutError:
            raise AssertionError(f'the launcher has not returned {self.seconds:g} seconds {when}') from None
        except Exception as error:
            raise AssertionError(f'the launcher must return how the run ended, and raises {error!r}') from error
        assert isinstance(outcome, RunOutcome), f'run_plan must return a RunOutcome, got {outcome!r}'
        return outcome

    def _run(self, folder: Path, *, resume: bool = False, **params: str) -> RunOutcome:
        return self._ended(self._launch(folder, self._plan(folder, params, resume=resume), Event()), 'after it began')

    @contextmanager
    def _waiting(self, folder: Path, cancelled: Event) -> Iterator[tuple[int, Future[Any]]]:
        """A run that is at work, with its process, which is killed at the end of the block."""
        plan = self._plan(folder, {'does': 'wait'})
        running = self._launch(folder, plan, cancelled)

        def pids() -> list[int]:
            # Plugins that are installed log metrics of their own.
            values = [event['values'] for event in read_events(Path(plan.run_dir), types=('metrics',))]
            return [int(each['pid']) for each in values if 'pid' in each]

        try:
            deadline = time.monotonic() + self.seconds
            while not (pids() or running.done() or time.monotonic() > deadline):
                time.sleep(0.05)
            assert pids(), 'the journal of a run must arrive in plan.run_dir while it goes on, and has no metrics'
            pid = pids()[0]
            assert pid != os.getpid(), 'the run must have a process of its own'
            yield pid, running
        finally:
            # The run waits for ever: none may be left behind, whichever test has failed.
            cancelled.set()
            for pid in {*pids()} - {os.getpid()}:
                _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> bool:
    """Send a signal; whether there is such a process. 0 sends none."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
