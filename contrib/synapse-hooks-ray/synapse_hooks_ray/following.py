"""A launched run, as its driver sees it: it is started, followed, cancelled, and started again where it was lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, Final

from synapse_hooks.errors import LaunchError, StorageError
from synapse_hooks.journal import RunDirectory, journal_files
from synapse_hooks.journal.record import RECORD
from synapse_hooks.launches import Resources, RunOutcome, RunPlan
from synapse_hooks.launching import read_outcome
from synapse_hooks.safe_text import summary
from synapse_hooks.storage import TABLE_LIMIT, read_file
from synapse_hooks.types import ENDED
from synapse_hooks_ray.actors import end_actor, find_actor, run_id, start_actor, wait_for_room
from synapse_hooks_ray.segments import JOURNAL
from synapse_hooks_ray.settings import Settings
from synapse_hooks_ray.storage import Store
from synapse_hooks_ray.worker import Order, Report

_POLL: Final = 0.5
_KILLED: Final = 128
"""Exit codes above are those of processes that a signal ended."""


class Lost(Exception):
    """The run has ended without an outcome: its node, its actor or its process was killed."""


class Following:
    """One run on a cluster to which this process is connected.

    Args:
        plan: The run.
        resources: What it gets.
        settings: The settings of the project.
        order: What the actor gets, but for the plan and the storage.
        cancelled: Set when the user cancels.
        inform: Shows a sentence to the user.
        show: Shows a line of the run's output.
    """

    def __init__(
        self,
        plan: RunPlan,
        resources: Resources,
        settings: Settings,
        order: Order,
        cancelled: Event,
        inform: Callable[[str], None],
        show: Callable[[str], None],
    ) -> None:
        self._plan, self._resources, self._settings = plan, resources, settings
        self._cancelled, self._inform, self._show = cancelled, inform, show
        self._run_dir = Path(plan.run_dir)
        record = RunDirectory.open(self._run_dir).read()
        self._id = run_id(plan, str(record['created']))
        self._store = None if resources.storage is None else Store(resources.storage, self._id)
        self._order = replace(
            order,
            storage=None if resources.storage is None else (resources.storage, self._id),
            push_seconds=settings.push_seconds,
            grace=settings.cancel_seconds,
        )

    def run(self) -> RunOutcome:
        """Run it to its end.

        Raises:
            LaunchError: It could not be launched, or was lost too often.
            StorageError: The storage cannot be used.
        """
        failures = 0
        is_resumed = self._plan.resume
        while True:
            try:
                return self._attempt(is_resumed)
            except Lost as lost:
                if self._has_ended():
                    return self._outcome()
                failures += 1
                if failures > self._settings.max_failures:
                    raise LaunchError(
                        f'the run was lost {failures} times, the last time because {lost}',
                        hint=f'find out why, then type `synapse-hooks resume {self._plan.run_dir}`',
                        run_dir=self._plan.run_dir,
                    ) from lost
                self._inform(
                    f'{lost}; the run goes on from its last finished stage and checkpoint '
                    f'({failures} of {self._settings.max_failures})'
                )
                is_resumed = True

    def _attempt(self, is_resumed: bool) -> RunOutcome:
        """Follow the actor that there is, or one that is started."""
        import ray
        from ray.exceptions import RayActorError

        actor = self._at_work() if is_resumed else None
        places: dict[str, int] = {}
        try:
            if actor is None:
                if self._store is not None:
                    if is_resumed and self._store.status() == 'succeeded':
                        return self._outcome()
                    if not self._store.has_run():
                        self._store.push(self._run_dir)
                    places = self._store.sizes()
                actor = start_actor(self._id, self._resources)
                if not self._start(actor, is_resumed):
                    end_actor(actor, self._id)
                    return self._outcome()
            else:
                self._inform('the run is at work: following it')
                places = {path.name: path.stat().st_size for path in journal_files(self._run_dir)}
            report = self._follow(actor, places)
        except RayActorError as error:
            raise Lost('its node was lost' if 'node has died' in str(error) else 'its worker was killed') from error
        except LaunchError:
            if actor is not None:
                end_actor(actor, self._id)
            raise
        try:
            return self._ended(report)
        finally:
            with suppress(RayActorError):
                ray.get(actor.finish.remote())
            end_actor(actor, self._id)

    def _at_work(self) -> Any:
        """The actor of the run, if the run goes on in it; one that has nothing to do any more is ended."""
        import ray
        from ray.exceptions import RayActorError

        actor = find_actor(self._id)
        if actor is None:
            return None
        with suppress(RayActorError):
            if ray.get(actor.is_at_work.remote()):
                return actor
        end_actor(actor, self._id)
        return None

    def _start(self, actor: Any, is_resumed: bool) -> bool:
        """Start the run in a new actor; False where it was cancelled before there was room."""
        import ray
        from ray.exceptions import RayActorError, RayError

        record = read_file(self._run_dir / RECORD, limit=TABLE_LIMIT)
        try:
            answer = actor.sees.remote(self._plan.run_dir, record)
            if not wait_for_room(answer, self._resources, self._cancelled, self._settings.wait_for_nodes, self._inform):
                return False
            place = ray.get(answer)
        except RayActorError as error:
            if 'No module named' in str(error):
                raise _not_installed(error) from error
            raise
        except RayError as error:
            raise Lost(f'its worker could not start: {summary(error).strip().splitlines()[-1]}') from error
        if self._store is None and not place['same']:
            raise LaunchError(
                f'{self._run_dir} is not the same folder on {place["host"]}, where the run would be',
                hint='keep runs in a folder that all nodes share (--run-dir), or give --storage URL',
                run_dir=str(self._run_dir),
                host=place['host'],
            )
        plan = replace(self._plan, resume=True) if is_resumed else self._plan
        ray.get(actor.start.remote(replace(self._order, plan=plan)))
        self._inform(f'the run is on {place["host"]}')
        return True

    def _follow(self, actor: Any, places: dict[str, int]) -> Report:
        import ray
        from ray.exceptions import ActorUnavailableError

        line, is_cancelling, is_silent = 0, False, False
        while True:
            try:
                if self._cancelled.is_set() and not is_cancelling:
                    ray.get(actor.cancel.remote())
                    is_cancelling = True
                report = self._next_report(actor.report.remote(line, places, _POLL), is_cancelling)
            except ActorUnavailableError:
                # It is dead, and Ray will find out, or the network between is.
                if not is_silent:
                    is_silent = True
                    self._inform('its worker does not answer; waiting for it')
                time.sleep(_POLL)
                continue
            if report is None:
                continue
            is_silent = False
            for text in report.lines:
                self._show(text)
            line = report.next_line
            self._append(report.journal, places)
            if report.code is not None:
                return report

    def _next_report(self, answer: Any, is_cancelling: bool) -> Report | None:
        """The report, or None where the user cancels first: a node that is being given up keeps the answer waiting."""
        import ray

        while not ray.wait([answer], timeout=_POLL)[0]:
            if self._cancelled.is_set() and not is_cancelling:
                return None
        report: Report = ray.get(answer)
        return report

    def _append(self, journal: Mapping[str, bytes], places: dict[str, int]) -> None:
        for name, data in journal.items():
            if JOURNAL.fullmatch(name):
                places[name] = places.get(name, 0) + len(data)
                with (self._run_dir / name).open('ab') as file:
                    file.write(data)

    def _ended(self, report: Report) -> RunOutcome:
        """The outcome of a run whose process has ended."""
        if isinstance(report.error, StorageError) and report.status in ENDED:
            raise report.error
        if report.error is not None:
            raise LaunchError(
                report.error.problem, hint=report.error.hint, run_dir=self._plan.run_dir
            ) from report.error
        if report.status in ENDED or self._cancelled.is_set():
            return self._outcome()
        code = report.code or 0
        if code > _KILLED or report.status == 'running':
            raise Lost(f'its process was killed (exit code {code})')
        raise LaunchError(
            f'the process of the run has ended with exit code {code}, and recorded nothing'
            + (f': {report.last_line[:2000]}' if report.last_line else ''),
            hint='its output is shown above',
            run_dir=self._plan.run_dir,
        )

    def _has_ended(self) -> bool:
        """Whether the run has an outcome, though the worker was lost."""
        if self._store is not None:
            return self._store.status() in ENDED
        return RunDirectory.open(self._run_dir).status in ENDED

    def _outcome(self) -> RunOutcome:
        if self._store is not None and self._store.has_run():
            self._store.fetch(self._run_dir)
            _relocate(self._run_dir)
            # From here on the driver's directory is the one that counts.
            self._store.remove()
        return read_outcome(self._run_dir)


def _relocate(run_dir: Path) -> None:
    """Give the record of a run that came back the paths of this machine."""
    directory = RunDirectory.open(run_dir)
    record = directory.read()
    there = record.get('run_dir')
    if there and there != str(run_dir):
        # Also in the texts of errors and hints.
        text = json.dumps(record).replace(json.dumps(there)[1:-1], json.dumps(str(run_dir))[1:-1])
        with directory.locked():
            moved = json.loads(text)
            # Files of a framework may contain the path still.
            directory.update(**{**moved, 'moved_from': list(dict.fromkeys([*moved.get('moved_from', ()), there]))})


def _not_installed(error: Exception) -> LaunchError:
    return LaunchError(
        f'the nodes of the cluster lack what a run needs: {summary(error)}',
        hint='install synapse-hooks-ray, and what the action imports, on every node',
    )
