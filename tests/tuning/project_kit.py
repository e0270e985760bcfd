"""A project whose launcher runs the trials of a search one after the other, each in a process of its own."""

from __future__ import annotations

LAUNCHER = """
import itertools
import multiprocessing
import os

from synapse_hooks.actions.launched import run_launched
from synapse_hooks.launching import BaseLauncher, SearchLauncher, read_outcome
from synapse_hooks.searches import SearchOutcome, Trial, best_trial
from synapse_hooks.tuning import mark_stopped, read_trial, recorded_trials, trial_plan


# Their server has no threads, and has imported what they need.
PROCESSES = multiprocessing.get_context('forkserver')
PROCESSES.set_forkserver_preload(['synapse_hooks.actions.launched', 'synapse_hooks.steps.run', 'synapse_hooks.formats'])


class Serial(SearchLauncher):
    name = 'serial'

    def run_plan(self, plan, resources, cancelled):
        worker = PROCESSES.Process(target=run_launched, args=(plan,))
        worker.start()
        while worker.is_alive():
            worker.join(0.05)
            if cancelled.is_set() or os.path.exists('stop'):
                worker.terminate()
                worker.join()
        return read_outcome(plan.run_dir)

    def check_search(self, search):
        method = search.config.scheduler
        return [] if method is None or method.name == 'fifo' else [f'there is no scheduler {method.name!r}']

    def run_search(self, plan, search, resources, cancelled, report):
        trials = {id: trial for id, trial in recorded_trials(plan.run_dir).items() if trial.is_over}
        options = [[(param.name, value) for _, value in param.examples] for param in search.space]
        for number, drawn in enumerate(itertools.product(*options), 1):
            id, params = f'{number:04}', dict(drawn)
            if id in trials or cancelled.is_set():
                continue
            report(Trial(id, params))
            self.run_plan(trial_plan(plan, search, id, params), resources, cancelled)
            if os.path.exists('stop'):
                mark_stopped(f'{plan.run_dir}-{id}', 'by the scheduler after 1 epoch')
            trials[id] = read_trial(plan, search, id, params)
            report(trials[id])
            if os.path.exists('kill'):
                os.kill(os.getpid(), 9)
        outcome = 'cancelled' if cancelled.is_set() else 'succeeded'
        return SearchOutcome(outcome, tuple(trials.values()), best_trial(trials.values(), search.config))


class Other(Serial):
    name = 'other'


class Plain(BaseLauncher):
    name = 'plain'
"""

PROJECT = """
[tool.synapse_hooks]
plugins = ["launchers:Serial", "launchers:Plain", "exporter"]
"""

EXPORTER = """
from pathlib import Path

from synapse_hooks import hookimpl


@hookimpl
def export(context):
    with open(Path(__file__).with_name('calls'), 'a') as file:
        file.write(f'export {context.params["dataset"]}\\n')
    (context.output_dir / 'a.txt').write_text('data')
    return {'path': context.output_dir, 'format': 'text', 'digest': 'd1'}
"""

ACTION = """
import os
import time
from pathlib import Path

from pydantic import Field

from synapse_hooks import BaseTrainAction, BaseTrainParams


def note(what):
    with open(Path(__file__).with_name('calls'), 'a') as file:
        file.write(what + '\\n')


class Params(BaseTrainParams):
    epochs: int = Field(default=2, ge=1)
    lr: float = 0.1
    size: int = 8
    fails_at: float | None = None
    waits: bool = False


class Train(BaseTrainAction[Params]):
    def pre_execute(self, context):
        note('pre_execute')

    def execute(self, data_path, checkpoint):
        note(f'execute {self.params.lr}')
        assert (data_path / 'a.txt').read_text() == 'data'
        for epoch in range(1, self.params.epochs + 1):
            self.log_metrics({'loss': 1 / epoch}, phase='train', step=epoch)
            self.log_metrics({'score': self.params.lr * (3 - epoch)}, phase='val', step=epoch)
            if self.params.waits:
                last = self.context.run_dir / 'last.pt'
                last.write_text(f'epoch {epoch}')
                self.context.log_checkpoint(last, epoch=epoch)
                Path(__file__).with_name('waiting').touch()
                while True:
                    time.sleep(0.02)
        if self.params.fails_at == self.params.lr:
            raise ValueError('no luck')
        weights = self.context.output_dir / 'best.pt'
        weights.write_text(f'weights {self.params.lr}')
        return {'weights_path': str(weights), 'lr': self.params.lr}

    def upload(self, context, result):
        note(f'upload {result["lr"] if result else None}')
        return super().upload(context, result)
"""
