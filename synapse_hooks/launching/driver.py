"""The driver's part of a launched run: its directory, its plan, and waiting for its end."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, TypeVar

from synapse_hooks.backends import connect
from synapse_hooks.errors import RunError, WrongAnswer
from synapse_hooks.hookspecs import HookSpecs
from synapse_hooks.journal import RunDirectory, is_driven, secrets_of
from synapse_hooks.launches import Resources, RunOutcome, RunPlan
from synapse_hooks.launching.choice import launcher_of
from synapse_hooks.launching.launcher import RETURN_OUTCOME, checked_answer
from synapse_hooks.launching.outcome import read_outcome, record_failure
from synapse_hooks.launching.plans import plan_of
from synapse_hooks.safe_text import add_note
from synapse_hooks.steps import RunSetup
from synapse_hooks.steps.preflight import is_done, prepare_plugins
from synapse_hooks.steps.setup import open_directory
from synapse_hooks.types import ENDED

LOCAL: Final = 'local'
"""The launcher that runs a plan in the driver's own process."""
_POLL: Final = 0.2
"""Seconds between two looks for a signal."""

R = TypeVar('R')
Watch = Callable[[Path], AbstractContextManager[object]]
"""Shows the run in a folder while the block runs."""


@dataclass(frozen=True)
class Launch:
    """A run that is ready to be launched: its directory exists."""

    plan: RunPlan
    """What is run."""
    launcher: str
    """The name of the launcher."""
    resources: Resources
    """What the run gets, and where."""
    hooks: HookSpecs
    """Those of the driver: `launch` is called."""

    def run(self, cancelled: Event) -> RunOutcome:
        """Call the launcher, in this thread.

        Raises:
            LaunchError: It could not be launched.
            SelectionError: There is no such launcher, or it cannot be used.
            RunError: The run directory cannot be read any more.
            WrongAnswer: The launcher did not return the outcome of the run.
        """
        try:
            outcome = self.hooks.launch(
                launcher=self.launcher, plan=self.plan, resources=self.resources, cancelled=cancelled
            )
            checked_answer(self.launcher, outcome, RunOutcome, 'launch', RETURN_OUTCOME)
            return self._recorded(outcome, cancelled)
        except (Exception, SystemExit) as error:
            with suppress(RunError):
                directory = RunDirectory.open(Path(self.plan.run_dir), redact=secrets_of(os.environ))
                if directory.status == 'created':
                    record_failure(directory, error)
            add_note(error, f'when that is fixed: `synapse-hooks resume {shlex.quote(self.plan.run_dir)}`')
            raise

    def _recorded(self, returned: RunOutcome, cancelled: Event) -> RunOutcome:
        """The outcome that the run directory has, whatever the launcher says."""
        directory = RunDirectory.open(Path(self.plan.run_dir))
        if cancelled.is_set() and directory.status not in ENDED:
            # It had not begun, or was killed because it did not end.
            with suppress(RunError), directory.locked():
                directory.update(status='cancelled')
        found = read_outcome(directory.path)
        if returned.outcome == 'succeeded' != found.outcome:
            raise WrongAnswer(
                f'launcher {self.launcher!r} says that the run has succeeded, and run.json in {directory.path} says '
                f'{directory.status!r}',
                hint=RETURN_OUTCOME,
                hook='launch',
            )
        return found


def prepare_launch(setup: RunSetup, launcher: str, resources: Resources) -> Launch:
    """Check a run as it is checked before it begins here, make its directory, and its plan.

    Args:
        setup: The run.
        launcher: The name of the launcher.
        resources: What the run gets, and where.

    Raises:
        ConfigError, ParamsError, SelectionError, NoAnswer, RunError: It cannot begin.
        LaunchError: It holds what cannot travel.
    """
    plugins = prepare_plugins(setup)
    launcher = launcher_of(plugins, launcher)
    if setup.ctx.client is None:
        setup.ctx.client = connect()
    directory = open_directory(setup, secrets_of(os.environ))
    plan = plan_of(setup, directory, plugins)
    if not is_driven(directory.path):
        # Where a process drives it, that process has the record.
        with suppress(RunError), directory.locked():
            # The outcome is that of this attempt, also where no worker begins it.
            begun: dict[str, Any] = {} if is_done(setup.ctx, directory.read()) else {'status': 'created', 'error': None}
            directory.update(launch={'launcher': launcher, 'resources': resources.to_dict()}, git=plan.git, **begun)
    return Launch(plan, launcher, resources, plugins.calls)


def launch(
    setup: RunSetup,
    launcher: str,
    resources: Resources | None = None,
    *,
    watch: Watch = lambda run_dir: nullcontext(),
    on_cancel: Callable[[], None] = lambda: None,
) -> RunOutcome:
    """Launch a run, and wait until it has ended.

    Args:
        setup: The run, as `BaseTrainAction.setup_run` makes it.
        launcher: The name of the launcher: `local`, or that of a plugin.
        resources: What the run gets, and where.
        watch: Shows the run meanwhile.
        on_cancel: Called when the user cancels, before the end of the run is waited for.

    Raises:
        KeyboardInterrupt: It was cancelled, and has ended. A second Ctrl-C does not wait for that.
        ConfigError, ParamsError, SelectionError, NoAnswer, RunError: It could not begin.
        LaunchError: It could not be launched.
    """
    ready = prepare_launch(setup, launcher, resources or Resources())
    try:
        with watch(Path(ready.plan.run_dir)):
            if launcher == LOCAL:
                # Signals arrive in the main thread, and deadlines need it.
                return ready.run(Event())
            return in_background(ready.run, on_cancel)
    except KeyboardInterrupt as error:
        error.add_note(f'go on with `synapse-hooks resume {shlex.quote(ready.plan.run_dir)}`')
        raise


def in_background(run: Callable[[Event], R], on_cancel: Callable[[], None]) -> R:
    """Call `run` in a thread, so that this one can be interrupted: then its argument is set, and it is waited for.

    Raises:
        KeyboardInterrupt: It was interrupted.
    """
    # Not `Thread.join`: where Ctrl-C interrupts that, Python 3.11 takes a thread that goes on for one that has ended.
    cancelled, ended = Event(), Event()
    answers: list[R] = []
    failures: list[BaseException] = []

    def call() -> None:
        try:
            answers.append(run(cancelled))
        except BaseException as error:
            failures.append(error)
        finally:
            ended.set()

    thread = Thread(target=call, name='launch', daemon=True)
    interrupted: BaseException | None = None
    while not ended.is_set():
        try:
            if thread.ident is None:
                thread.start()
            ended.wait(_POLL)
        except KeyboardInterrupt as error:
            cancelled.set()
            if interrupted is not None:
                error.add_note('not waiting for the run to end; it may go on')
                raise
            if thread.ident is None:
                raise
            interrupted = error
            on_cancel()
    if interrupted is not None:
        raise interrupted
    if failures:
        raise failures[0]
    return answers[0]
