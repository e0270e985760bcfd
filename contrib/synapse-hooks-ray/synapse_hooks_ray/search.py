"""A search on a Ray cluster, by Ray Tune."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any, Final

from synapse_hooks.errors import LaunchError
from synapse_hooks.launches import Resources, RunPlan
from synapse_hooks.launching import write_stderr
from synapse_hooks.safe_text import summary
from synapse_hooks.searches import Search, SearchOutcome, Trial
from synapse_hooks.tuning import recorded_trials
from synapse_hooks_ray.cluster import CLIENT, address_of
from synapse_hooks_ray.connection import connection
from synapse_hooks_ray.credentials import variables_of
from synapse_hooks_ray.methods import algorithm, scheduler, uses_checkpoints
from synapse_hooks_ray.settings import Settings
from synapse_hooks_ray.space import missing_points, param_space

FOLDER: Final = 'tune'
"""The folder in the run directory of a search where Tune keeps its state."""
_FAILURES: Final = 2
"""How often a trial is begun again whose node or actor is lost. A run that has failed is not run again."""
_QUIET: Final = {
    'TUNE_DISABLE_STRICT_METRIC_CHECKING': '1',
    'TUNE_DISABLE_AUTO_CALLBACK_LOGGERS': '1',
    'RAY_AIR_NEW_OUTPUT': '0',
}


def run_search(
    plan: RunPlan, search: Search, resources: Resources, cancelled: Event, report: Callable[[Trial], None]
) -> SearchOutcome:
    """Run the trials of a search, and return when all have ended; see `SearchLauncher.run_search`.

    Raises:
        LaunchError: It cannot begin.
    """
    if resources.storage is not None:
        raise LaunchError(
            '--storage is not for searches: their trials share the finished stages of the search',
            hint='put the run directory on a disk that all nodes share: `--run-dir` or `--workspace`',
        )
    settings = Settings.of(plan)
    address = address_of(resources.address or settings.address or None)
    if address.startswith(CLIENT):
        raise LaunchError(
            f'a search cannot run through Ray Client, got the address {address!r}: Ray would move it to the head node',
            hint='run the command on a node of the cluster, with the address HOST:PORT',
        )
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    with connection(plan, address, settings) as shipment:
        _require_tune()
        from synapse_hooks_ray.observing import Session, session
        from synapse_hooks_ray.trial import Job

        folder = Path(plan.run_dir, FOLDER)
        job = Job(
            plan,
            search,
            str(folder),
            shipment.root,
            variables_of(plan, settings.pass_env),
            resources.env,
            uses_checkpoints(search),
        )
        observed = Session(plan, search, cancelled, report, recorded_trials(plan.run_dir))
        with session(plan.run_dir, observed):
            results = _fit(job, resources, observed, folder)
        return observed.outcome(results)


def _require_tune() -> None:
    try:
        import ray.tune  # noqa: F401 (what it needs besides Ray)
    except ImportError as error:
        raise LaunchError(
            f'Ray Tune cannot be imported: {summary(error)}', hint='install it: `pip install "synapse-hooks-ray[tune]"`'
        ) from error


def _fit(job: Any, resources: Resources, observed: Any, folder: Path) -> Any:
    from ray import tune

    from synapse_hooks_ray.trial import CANCELLED, TrialActor

    # After Ctrl-C, the state of Tune says that all trials have ended; the file is there if the driver was killed then.
    was_cancelled = observed.was_cancelled or (folder / CANCELLED).exists()
    trainable = tune.with_resources(tune.with_parameters(TrialActor, job=job), _bundle(resources))
    space = param_space(job.search)
    tuner = _restored(tune, folder, trainable, space) if observed.known and not was_cancelled else None
    if tuner is None:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / CANCELLED).unlink(missing_ok=True)
        tuner = _new(tune, job, observed, folder, trainable, space)
        if tuner is None:
            return []
    return tuner.fit()


def _new(tune: Any, job: Any, observed: Any, folder: Path, trainable: Any, space: Mapping[str, Any]) -> Any:
    """A search from the beginning, or of what the trials that were recorded leave to do; None where that is nothing."""
    from synapse_hooks_ray.observing import Cancelled, Named, Observer

    search, config = job.search, job.search.config
    points, left = observed.unfinished, config.num_samples
    if observed.known:
        points += missing_points(search, [*observed.over, *points])
        is_grid = any(param.type == 'grid_search' for param in search.space)
        left = len(points) if is_grid else left - len(observed.over)
    if left <= 0:
        return None
    chosen, limit = algorithm(search, points)
    key = job.plan.run_dir
    return tune.Tuner(
        trainable,
        param_space=dict(space),
        tune_config=tune.TuneConfig(
            metric=config.metric,
            mode=config.mode,
            num_samples=left,
            max_concurrent_trials=limit,
            search_alg=chosen,
            scheduler=scheduler(search, job.plan.params),
            trial_name_creator=Named(key),
            trial_dirname_creator=Named(key),
            reuse_actors=False,
        ),
        run_config=tune.RunConfig(
            name=folder.name,
            storage_path=str(folder.parent),
            stop=Cancelled(key, str(folder)),
            callbacks=[Observer(key)],
            failure_config=tune.FailureConfig(max_failures=_FAILURES),
            checkpoint_config=tune.CheckpointConfig(**_checkpoints(search)),
            verbose=0,
        ),
    )


def _checkpoints(search: Search) -> dict[str, Any]:
    """How often Tune saves where a trial is. A scheduler that gives trials the weights of others does so itself."""
    if uses_checkpoints(search):
        return {'checkpoint_frequency': 0, 'num_to_keep': None}
    return {'checkpoint_frequency': 1, 'num_to_keep': 2}


def _restored(tune: Any, folder: Path, trainable: Any, space: Mapping[str, Any]) -> Any:
    """The search that was interrupted; None where its state is missing or damaged, as a killed driver may leave it."""
    file = folder / 'tuner.pkl'
    try:
        if not file.is_file() or not file.stat().st_size or not tune.Tuner.can_restore(str(folder)):
            return None
        return tune.Tuner.restore(
            str(folder), trainable, resume_unfinished=True, resume_errored=False, param_space=dict(space)
        )
    except Exception as error:  # a damaged pickle raises anything
        write_stderr(f'the state of the search cannot be used, so new trials replace what is missing: {summary(error)}')
        return None


def _bundle(resources: Resources) -> dict[str, float]:
    bundle = {'cpu': resources.num_cpus if resources.num_cpus is not None else 1.0, 'gpu': resources.num_gpus or 0.0}
    if resources.memory is not None:
        bundle['memory'] = float(resources.memory)
    return {**bundle, **resources.others}
