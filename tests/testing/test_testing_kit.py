"""Checking plugins and running actions, as a plugin's author does."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl, testing
from synapse_hooks.data import read_header
from synapse_hooks.errors import StepFailed
from synapse_hooks.formats import Format
from synapse_hooks.formats.dm import DmFormat
from synapse_hooks.testing import (
    Recording,
    bmp,
    check_distribution,
    check_plugin,
    open_dataset,
    png,
    recording_session,
    run_action,
    small_dataset,
)
from synapse_hooks.testing.mutation.json_yaml import change_yaml


class Params(BaseTrainParams):
    epochs: int = 1


class Action(BaseTrainAction[Params]):
    target_format = 'yolo'

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        self.log_metrics({'loss': 0.5}, phase='train', step=1)
        self.log_message(f'{data_path.name} {checkpoint and checkpoint["path"]}')
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(b'trained')
        return {'weights_path': str(weights)}


def test_an_action_runs_on_small_data_and_can_be_looked_at(tmp_path: Path) -> None:
    weights = tmp_path / 'base.pt'
    weights.write_bytes(b'base')
    data = small_dataset(tmp_path / 'data')
    run = run_action(Action, {'epochs': 3}, dataset=data, checkpoint=weights, folder=tmp_path / 'here')
    assert run.folder == tmp_path / 'here'
    assert set(run.statuses.values()) == {'succeeded'}
    assert run.record['params']['epochs'] == 3
    assert run.record['dataset']['classes'] == ['zebra', 'ant', 'grüne Ente']
    assert run.of('metrics', phase='train')[0]['values'] == {'loss': 0.5}
    assert any(event['text'].startswith('dataset.yaml /') for event in run.of('message'))
    assert run.model is not None
    assert (run.model / 'best.pt').read_bytes() == b'trained'


def test_only_the_plugins_handed_over_take_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["does_not_exist.py"]\n')
    monkeypatch.chdir(tmp_path)
    told: list[str] = []

    class Observer:
        @hookimpl
        def run_finished(self, outcome: str) -> None:
            told.append(outcome)

    run = run_action(Action, {'data_path': tmp_path}, plugins=[Observer()])
    assert told == ['succeeded']
    distributions = {text.split()[0] for text in run.record['plugins'].values()}
    assert distributions - {'project'} == {'synapse-hooks', 'action'}


def test_its_folder_goes_away_with_it(tmp_path: Path) -> None:
    run = run_action(Action, {'data_path': tmp_path})
    folder = run.folder
    assert folder.is_dir()
    del run
    gc.collect()
    assert not folder.exists()


def test_a_failed_run_is_raised_or_handed_over_and_resumed(tmp_path: Path) -> None:
    class Fails(Action):
        broken = True

        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            if self.broken:
                raise ValueError('no')
            return None

    with pytest.raises(StepFailed):
        run_action(Fails, {'data_path': tmp_path})
    run = run_action(Fails, {'data_path': tmp_path}, folder=tmp_path, check=False)
    assert isinstance(run.error, StepFailed)
    assert run.statuses['execute'] == 'failed'
    assert run.events[-1]['type'] == 'run_end'
    Fails.broken = False
    again = run_action(Fails, {'data_path': tmp_path}, folder=tmp_path, resume=True)
    assert again.error is None
    assert again.statuses['execute'] == 'succeeded'


def test_every_fault_of_a_plugin_is_reported_at_once() -> None:
    class Faulty:
        @hookimpl
        def convret(self, context: Any) -> None: ...

        @hookimpl(wrapper=True)
        def run_step(self, contxt: Any) -> None: ...

    with pytest.raises(AssertionError) as caught:
        check_plugin(Faulty())
    assert "there is no hook 'convret'" in str(caught.value)
    assert "no argument 'contxt'" in str(caught.value)
    assert 'a wrapper must yield once' in str(caught.value)
    assert str(caught.value).startswith('Faulty is not a valid plugin:')


def test_a_plugin_may_be_a_module_a_class_or_the_text_of_an_entry_point(tmp_path: Path) -> None:
    assert check_plugin(DmFormat) == ('convert', 'open_dataset')
    assert check_plugin('synapse_hooks.formats.dm:DmFormat', 'format') == ('convert', 'open_dataset')
    assert check_plugin('synapse_hooks.autologgers.ultralytics:UltralyticsAutologger', 'autologger') == ('autolog',)
    with pytest.raises(AssertionError, match='No module named'):
        check_plugin('no_such_module')
    with pytest.raises(AssertionError, match='it answers no hook'):
        check_plugin('json')


def test_a_format_needs_a_name_and_something_to_do() -> None:
    class Nothing(Format):
        pass

    with pytest.raises(AssertionError, match=r'`name` must be(.|\n)*can neither be read nor written'):
        check_plugin(Nothing())


def test_a_distribution_is_checked_by_its_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / 'acme_kit-1.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: acme-kit\nVersion: 1.0\n')
    (info / 'entry_points.txt').write_text(
        '[synapse_hooks.formats]\n'
        'other = synapse_hooks.formats.dm:DmFormat\n'
        'gone = acme_kit_is_not_here:Format\n'
        '[synapse_hooks]\nobserver = acme_kit_plugin\n'
    )
    (tmp_path / 'acme_kit_plugin.py').write_text(
        'from synapse_hooks import hookimpl\n\n@hookimpl\ndef run_started(context): ...\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(AssertionError) as caught:
        check_distribution('Acme_Kit')
    assert "the name of the entry point is 'other', and that of the format 'dm'" in str(caught.value)
    assert "No module named 'acme_kit_is_not_here'" in str(caught.value)
    (info / 'entry_points.txt').write_text('[synapse_hooks]\nobserver = acme_kit_plugin\n')
    monkeypatch.setattr(sys, 'path', [*sys.path, '/nothing'])
    assert check_distribution('acme-kit') == {'observer': ('run_started',)}
    (info / 'METADATA').write_text(
        'Metadata-Version: 2.1\nName: acme-kit\nVersion: 1.0\nRequires-Dist: synapse-hooks<0.1\n'
        'Requires-Dist: not a requirement\n'
    )
    monkeypatch.setattr(sys, 'path', [*sys.path, '/nothing either'])
    with pytest.raises(AssertionError, match=r'it requires synapse-hooks <0\.1'):
        check_distribution('acme-kit')
    with pytest.raises(AssertionError, match='pip install -e'):
        check_distribution('not-installed')


def test_the_images_are_real(tmp_path: Path) -> None:
    pillow = pytest.importorskip('PIL.Image')
    for name, data in (('a.png', png(31, 17, [(2, 3, 4, 5, (255, 0, 0))])), ('a.bmp', bmp(31, 17))):
        file = tmp_path / name
        file.write_bytes(data)
        assert read_header(file)[1:3] == (31, 17)
        with pillow.open(file) as image:
            image.load()
            assert image.size == (31, 17)
            if name == 'a.png':
                assert image.getpixel((2, 3)) == (255, 0, 0)
                assert image.getpixel((0, 0)) == image.getpixel((6, 3)) == (230, 230, 230)
    for sample in open_dataset(small_dataset(tmp_path / 'data')):
        assert sample.image is not None
        with pillow.open(sample.image) as image:
            image.load()
            assert image.size == (sample.width, sample.height)


def test_a_recording_takes_json_only(tmp_path: Path) -> None:
    log = Recording()
    with pytest.raises(TypeError):
        log.record('params', {'values': {'path': Path()}})
    session, log = recording_session('acme', tmp_path)
    session.log_metrics({'loss': 1}, step=2)
    assert log.metrics == {'loss': 1.0}
    assert log.of('metrics', step=3) == []


def test_the_kit_needs_no_pytest_and_no_imaging_library() -> None:
    code = 'import sys, synapse_hooks.testing; print({"pytest", "PIL", "numpy", "rich", "torch"} & set(sys.modules))'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'set()'


def test_aliases_that_stand_for_too_much_are_not_written_out() -> None:
    lines = ['a: &a [l, l, l, l, l, l, l, l, l, l]']
    lines += [f'{name}: &{name} [{", ".join(f"*{of}" for _ in range(10))}]' for of, name in pairwise('abcdefghi')]
    for text in ('\n'.join(lines), 'a: &a [*a]'):
        with pytest.raises(ValueError, match='too many values'):
            change_yaml(text.encode(), Random(1))


def test_pytest_adds_nothing_to_the_messages_of_the_kit() -> None:
    """It would rewrite the assertions of a distribution that has a plugin of pytest."""
    for file in sorted(Path(testing.__file__).parent.rglob('*.py')):
        module = ast.parse(file.read_text(encoding='utf-8'))
        if any(isinstance(node, ast.Assert) for node in ast.walk(module)):
            assert 'PYTEST_DONT_REWRITE' in str(ast.get_docstring(module)), file
