"""A trial of a search: an actor of Ray Tune, whose run is a child process.

Each step waits for the next epoch in the journal of the run, and reports it. A trial that Tune pauses, moves or begins
again goes on from the last checkpoint of its run, or, if the scheduler has given it that of another trial, from this.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout
from ray import tune
from ray.tune.result import DONE, RESULT_DUPLICATE

from synapse_hooks.errors import LaunchError
from synapse_hooks.journal import KILLED, Journal, RunDirectory, read_trainings
from synapse_hooks.journal.reader import last_attempt
from synapse_hooks.journal.record import RECORD
from synapse_hooks.launches import RunPlan
from synapse_hooks.searches import Search, Trial
from synapse_hooks.storage import TABLE_LIMIT, read_file
from synapse_hooks.tuning import EpochMetrics, mark_stopped, read_trial, trial_folder, trial_plan
from synapse_hooks.tuning.epochs import Epoch
from synapse_hooks_ray.child import Child, Output
from synapse_hooks_ray.project import placed
from synapse_hooks_ray.run_process import start_run, wait_until_free
from synapse_hooks_ray.space import drawn

_POLL: Final = 0.1
_GRACE: Final = 30.0
"""Seconds that a run has to end after SIGTERM."""
_HANDOVER: Final = 2 * _GRACE
"""Seconds to wait for the previous actor of a trial to end its run: Tune starts the next actor at once."""
_STATE: Final = 'trial.json'
_BEFORE: Final = 'TUNE_ORIG_WORKING_DIR'
"""The variable in which Tune keeps the working directory, where Ray has unpacked the project."""
_WEIGHTS: Final = 'weights'
CANCELLED: Final = 'cancelled'
"""The file in the folder of Tune that says that the user has cancelled the search."""


@dataclass(frozen=True)
class Job:
    """What the actor of a trial needs."""

    plan: RunPlan = field(repr=False)
    """The plan of the search."""
    search: Search
    folder: str
    """Where Tune keeps its state."""
    root: str | None = None
    """The driver's folder that was shipped as `working_dir`."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    env: Mapping[str, str] = field(default_factory=dict)
    copies: bool = False
    """Whether checkpoints are copied, as the scheduler gives them to other trials."""


class TrialLost(Exception):
    """The process of a trial has ended without an outcome of its run: Tune begins it again."""


class TrialActor(tune.Trainable):
    """Drives the run of one trial."""

    def setup(self, config: dict[str, Any], job: Job) -> None:
        """Nothing runs yet: a checkpoint may be loaded first."""
        self.job = job
        self.params = drawn(job.search, config)
        self.output = Output()
        self.child: Child | None = None
        self.epochs: EpochMetrics | None = None
        self.ready: deque[Epoch] = deque()
        self.after, self.since = 0, 0
        self.donor: Path | None = None
        self.lock = FileLock(Path(job.folder, f'{self.id}.lock'), thread_local=False)
        if not Path(job.plan.run_dir, RECORD).is_file():
            raise LaunchError(
                f'the node {platform.node()} does not have the run directory {job.plan.run_dir}',
                hint='a search needs a disk that all nodes share: give `--run-dir` or `--workspace` on it',
                path=job.plan.run_dir,
            )

    @property
    def id(self) -> str:
        """The id of the trial; the driver has given it as its name."""
        return str(self.trial_name)

    def step(self) -> dict[str, Any]:
        """Wait for the next epoch.

        Raises:
            TrialLost: Its process was killed.
        """
        if self.epochs is None:
            self._take_over()
            if self._is_cancelled:
                return self._done()
            self.epochs = self._start()
        while True:
            is_over = self.child is None or self.child.wait(_POLL)
            self.ready.extend(self.epochs.read())
            if self.ready:
                epoch = self.ready.popleft()
                self.after = epoch.number
                return {**epoch.values, 'epoch': epoch.number}
            if is_over:
                trial = self._read()
                if trial.status not in ('succeeded', 'failed') or trial.error == KILLED:
                    raise TrialLost(
                        f'the process of the run has ended without recording an outcome (status: {trial.status})'
                    )
                return self._done()

    def _done(self) -> dict[str, Any]:
        # Tune would try a trial again that raises. What was reported last stays, where there is something.
        return {DONE: True, **({RESULT_DUPLICATE: True} if self.iteration else {})}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Which epoch was reported; and, for the scheduler, a copy of the run's checkpoint of it."""
        folder = Path(checkpoint_dir)
        state = {'id': self.id, 'epoch': self.after}
        if self.job.copies and (source := self._checkpoint()) is not None:
            state['name'] = source.name
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / _WEIGHTS)
        (folder / _STATE).write_text(json.dumps(state), encoding='utf-8')

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """Go on after the epoch that was reported; or from the checkpoint of another trial."""
        folder = Path(checkpoint_dir)
        state = json.loads(read_file(folder / _STATE, limit=TABLE_LIMIT))
        self.after = state['epoch']
        if state['id'] != self.id and (folder / _WEIGHTS).exists():
            self.donor = self.run_dir / 'donors' / f'{time.time_ns()}-{state["id"]}-{state["name"]}'
            self.donor.parent.mkdir(parents=True, exist_ok=True)
            source = folder / _WEIGHTS
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, self.donor)

    def cleanup(self) -> None:
        """End the run if it goes on: the scheduler has stopped the trial, or the user the search."""
        try:
            if self.child is None or self.child.code is not None:
                return
            # Before it ends: a search that is cancelled meanwhile does not change why this trial was stopped.
            why = '' if self._is_cancelled else stopped(self.after)
            self.child.terminate(_GRACE)
            self.child.wait(_GRACE + 5)
            mark_stopped(self.run_dir, why)
        finally:
            self.lock.release()

    @property
    def run_dir(self) -> Path:
        """The run directory of the trial."""
        return trial_folder(self.job.plan.run_dir, self.id)

    def _read(self) -> Trial:
        return read_trial(self.job.plan, self.job.search, self.id, self.params)

    @property
    def _is_cancelled(self) -> bool:
        return Path(self.job.folder, CANCELLED).exists()

    def _start(self) -> EpochMetrics:
        """Start the process of the run, unless the run has ended before; only what it has logged is reported then."""
        if not self._is_over():
            plan = trial_plan(self.job.plan, self.job.search, self.id, self.params)
            if self.donor is not None:
                self._give(self.donor)
            here = None if self.job.root is None else Path(os.environ.get(_BEFORE) or Path.cwd())
            plan = placed(plan, self.job.root, here)
            self.child = start_run(plan, here, self.job.secrets, self.job.env, self.output)
        metric = self.job.search.config.metric
        return EpochMetrics(self.run_dir, metric, after=self.after, since=self.since)

    def _is_over(self) -> bool:
        if not (self.run_dir / RECORD).exists():
            return False
        directory = RunDirectory.open(self.run_dir)
        return directory.status == 'succeeded' or (directory.status == 'failed' and directory.read()['error'] != KILLED)

    def _take_over(self) -> None:
        """Wait until the previous actor of the trial has ended its run or has died, or the search is cancelled."""
        deadline = time.monotonic() + _HANDOVER
        while not self._is_cancelled:
            try:
                self.lock.acquire(timeout=1.0)
            except Timeout as error:
                if time.monotonic() > deadline:
                    raise LaunchError(
                        f'another actor has not ended the trial {self.id} after {_HANDOVER:g} seconds',
                        hint='`resume` the search when its processes have ended, and NFS has freed their lock',
                        path=str(self.run_dir),
                    ) from error
            else:
                wait_until_free(self.run_dir)
                return

    def _give(self, checkpoint: Path) -> None:
        """Let the training of the run go on from a checkpoint of another trial."""
        # What this trial has logged before belongs to what it was before.
        self.since = last_attempt(self.run_dir)
        journal = Journal.join(self.run_dir)
        journal.record(
            'checkpoint',
            {'path': str(checkpoint), 'epoch': self.after, 'fitness': None, 'best': False, 'resumable': True},
        )
        journal.close()

    def _checkpoint(self) -> Path | None:
        return read_trainings(self.run_dir).resume_from


def stopped(epochs: int) -> str:
    """Why the scheduler's trial has ended."""
    return f'by the scheduler after {epochs} epoch{"s" * (epochs != 1)}'
