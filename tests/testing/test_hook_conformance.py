"""The contract of a plugin of hooks is kept by one that is good, and a plugin that breaks a promise is found."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest

from synapse_hooks import hookimpl
from synapse_hooks.testing import HookConformance

GOOD = """
import json, time

from synapse_hooks import hookimpl


class Timing:
    def __init__(self):
        self.seconds = {}

    @hookimpl(wrapper=True)
    def run_step(self, step):
        started = time.perf_counter()
        try:
            return (yield)
        finally:
            self.seconds[step.name] = time.perf_counter() - started

    @hookimpl
    def run_started(self, context):
        self.points = 0

    @hookimpl
    def log_metrics(self, points):
        self.points += len(points)

    @hookimpl
    def convert(self, target_format):
        return None

    @hookimpl
    def cleanup(self, context, outcome):
        (context.run_dir / 'timing.json').write_text(json.dumps(self.seconds))
"""


@pytest.fixture(autouse=True)
def good(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp('modules')
    (folder / 'good_timing.py').write_text(GOOD)
    (folder / 'slow_timing.py').write_text(
        f'import time\nbegun = time.process_time()\nwhile time.process_time() < begun + 0.3:\n    pass\n{GOOD}'
    )
    (folder / 'moody_timing.py').write_text(f'import sys\n{GOOD}\nif "pytest" not in sys.modules:\n    raise OSError\n')
    monkeypatch.syspath_prepend(str(folder))


class TestGood(HookConformance):
    plugin = 'good_timing:Timing'


class Broken:
    @hookimpl
    def run_started(self, contxt): ...


class FailsInTheEnd:
    @hookimpl
    def run_finished(self, outcome: Any) -> None:
        raise OSError('the mail server is gone')


class LosesEvents:
    @hookimpl
    def log_metrics(self, points: Any) -> None:
        raise KeyError('loss')


class Hides:
    @hookimpl(wrapper=True)
    def execute(self) -> Any:
        try:
            return (yield)
        except Exception as error:
            raise RuntimeError('the plugin has its own error') from error


class CleansUpBadly:
    @hookimpl
    def cleanup(self, outcome: str) -> None:
        if outcome == 'failed':
            raise KeyError('result')


class NeedsItsStart:
    @hookimpl
    def run_started(self) -> None:
        self.path = 1

    @hookimpl(wrapper=True)
    def run_step(self) -> Any:
        assert self.path
        return (yield)


class AnswersAll:
    @hookimpl
    def convert(self, context: Any, dataset: Any) -> Any:
        return dataset


class WritesBeside:
    @hookimpl
    def run_started(self) -> None:
        Path('events.log').write_text('started')


class ChangesDirectory:
    @hookimpl
    def run_started(self, context: Any) -> None:
        os.chdir(context.run_dir)


class ChangesEnvironment:
    @hookimpl
    def run_started(self, context: Any) -> None:
        os.environ['ACME'] = '1'


class KeepsThreads:
    ended = threading.Event()

    @hookimpl
    def run_started(self) -> None:
        threading.Thread(target=self.ended.wait, args=(10,), name='acme').start()


class Once:
    used = False

    @hookimpl
    def step_started(self) -> None:
        if self.used:
            raise RuntimeError('it was used before')

    @hookimpl
    def run_finished(self) -> None:
        self.used = True


class IsSlow:
    @hookimpl
    def step_started(self) -> None:
        time.sleep(0.02)


class WrapsSlowly:
    @hookimpl(wrapper=True)
    def run_step(self) -> Any:
        time.sleep(0.02)
        return (yield)


@pytest.mark.parametrize(
    ('plugin', 'broken', 'message'),
    [
        (Broken, 'it_is_a_valid_plugin', "the hook has no argument 'contxt'; did you mean 'context'"),
        (FailsInTheEnd, 'a_run_succeeds_with_it', "failed in hook 'run_finished': OSError: the mail server is gone"),
        (LosesEvents, 'a_run_succeeds_with_it', r"failed in log_metrics|log hooks lost events.*KeyError: 'loss'"),
        (Hides, 'the_error_of_a_training_passes_through', 'the plugin has its own error.*must let errors pass'),
        (
            CleansUpBadly,
            'the_error_of_a_training_passes_through',
            "hooks of the plugin failed too: .*KeyError: 'result'",
        ),
        (
            NeedsItsStart,
            'a_failure_in_a_hook_that_observes_does_not_end_a_run',
            'failures of run_started ended the run',
        ),
        (AnswersAll, 'it_declines_what_is_not_its_own', "convert answered .* for the name 'no-such-name': return None"),
        (WritesBeside, 'nothing_is_written_beside_the_run', r"wrote \['cwd/events.log'\]: write below context.run_dir"),
        (ChangesDirectory, 'the_process_is_as_before', 'changed the working directory: restore it'),
        (ChangesEnvironment, 'the_process_is_as_before', r'changed os\.environ: restore it'),
        (KeepsThreads, 'the_process_is_as_before', r"threads go on after the run.*\['acme'\]"),
        (Once, 'a_second_run_is_like_the_first', 'it was used before'),
        (
            'slow_timing:Timing',
            'it_is_imported_quickly',
            r'takes 0\.[3-9]\d s of processor time, expected at most 0\.25',
        ),
        ('moody_timing:Timing', 'it_is_made_again_by_its_name', 'cannot import .*moody_timing:Timing(.|\n)*OSError'),
        (IsSlow, 'its_hooks_do_not_delay_a_run', r'step_started 0\.0\d s; expected at most 0\.015 s'),
        (WrapsSlowly, 'its_hooks_do_not_delay_a_run', r'run_step 0\.0\d s'),
    ],
)
def test_a_broken_promise_is_found(
    plugin: Any, broken: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    KeepsThreads.ended.clear()
    monkeypatch.setenv('ACME', '0')
    monkeypatch.chdir(tmp_path)
    attributes = {'plugin': plugin, 'import_seconds': 0.25, 'call_seconds': 0.015}
    suite = type('Suite', (HookConformance,), attributes)()
    try:
        with pytest.raises(AssertionError, match=f'(?s){message}'):
            getattr(suite, f'test_{broken}')(**({} if broken == 'it_is_a_valid_plugin' else {'tmp_path': tmp_path}))
    finally:
        KeepsThreads.ended.set()


def test_what_cannot_be_imported_by_another_process_is_not_tested_there(tmp_path: Path) -> None:
    suite = type('Suite', (HookConformance,), {'plugin': Once()})()
    with pytest.raises(SkipTest, match='set `plugin` to the text of its entry point'):
        suite.test_it_is_made_again_by_its_name(tmp_path)


def test_settings_and_params_reach_the_plugin(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Reads:
        @hookimpl
        def run_started(self, context: Any) -> None:
            seen.append((context.settings['reads'], context.params['splits']))

    attributes = {'plugin': Reads, 'settings': {'reads': {'url': 'http://127.0.0.1', 'n': [1, 2], 'on': True}}}
    suite = type('Suite', (HookConformance,), {**attributes, 'params': {'splits': {'train': 1.0}}})()
    suite.run(suite.make_plugin(), tmp_path)
    assert seen == [({'url': 'http://127.0.0.1', 'n': [1, 2], 'on': True}, {'train': 1.0})]
    assert 'good_timing' not in sys.modules
