"""A parameter that is a secret of the driver: the worker gets it, and writes it nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.launching.conftest import Start

ACTION = """
from pydantic import SecretStr

from synapse_hooks import BaseTrainAction, BaseTrainParams


class Params(BaseTrainParams):
    key: str
    urls: list[str] = []
    pin: int = 0
    password: SecretStr = SecretStr('')


class Train(BaseTrainAction[Params]):
    def execute(self, data_path, checkpoint):
        assert self.params.key == 'hidden-value-1' and self.params.pin == 98765432
        password = self.params.password.get_secret_value()
        assert password == 'masked-value-3'
        self.log_message(f'with {self.params.key} and {self.params.urls} and {password}')
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(b'weights')
        return {'weights_path': str(weights)}
"""
LAUNCHER = """
import os
import subprocess
import sys

from synapse_hooks.launching import BaseLauncher, read_outcome


class Bare(BaseLauncher):
    name = 'bare'

    def run_plan(self, plan, resources, cancelled):
        environment = {name: value for name, value in os.environ.items() if not name.startswith('ACME_')}
        command = [sys.executable, '-m', 'synapse_hooks.cli', 'run-plan']
        subprocess.run(command, input=plan.to_json().encode(), env=environment)
        return read_outcome(plan.run_dir)
"""


def test_a_secret_parameter_arrives_and_is_redacted(
    start: Start, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / 'secretive.py').write_text(ACTION, encoding='utf-8')
    (project / 'launchers.py').write_text(LAUNCHER, encoding='utf-8')
    text = (project / 'pyproject.toml').read_text().replace('launchers:Subprocess', 'launchers:Bare')
    (project / 'pyproject.toml').write_text(text, encoding='utf-8')
    monkeypatch.setenv('ACME_API_KEY', 'hidden-value-1')
    monkeypatch.setenv('ACME_SECRET', '98765432')
    words = ('-p', 'key=hidden-value-1', '-p', 'urls=[a, "x:hidden-value-1@y"]', '-p', 'pin=98765432')
    words = (*words, '-p', 'password=masked-value-3')
    place = ('-p', 'data_path=data', '--launcher', 'bare', '--run-dir', 'run')
    with start('train', 'secretive.py:Train', *words, *place) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert 'with <redacted> and' in err
    for shown in (out, err):
        assert 'hidden-value-1' not in shown
        assert '98765432' not in shown
        assert 'masked-value-3' not in shown
    written = [*project.joinpath('run').rglob('*'), *(project.parent / 'workspace').rglob('*.json')]
    assert len(written) > 5
    for file in written:
        assert not file.is_file() or not _found(file)
    # What was not recorded has to be given again.
    with start('resume', 'run', '--from-stage', 'execute') as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'does not hold the parameters key, urls, pin, password: they are secret' in err


def _found(file: Path) -> list[bytes]:
    return [secret for secret in (b'hidden-value-1', b'98765432', b'masked-value-3') if secret in file.read_bytes()]
