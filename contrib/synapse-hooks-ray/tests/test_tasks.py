"""What a node answers where it cannot do its part, without a cluster."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('ray')
from synapse_hooks_ray.tasks import Surroundings, run

from synapse_hooks.errors import LaunchError


class Opens:
    """A task that opens a dataset when it arrives."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.listdir, (self.path,)


def answer(content: bytes, folder: Path) -> Any:
    return pickle.loads(run(content, Surroundings(str(folder), ()), 0, None)[0])


def test_a_node_that_does_not_see_the_dataset_is_named_with_the_folder(tmp_path: Path) -> None:
    error = answer(pickle.dumps(Opens('/not/shared')), tmp_path).carried
    assert isinstance(error, LaunchError)
    assert 'the Ray node ' in error.problem
    assert "'/not/shared'" in error.problem
    assert 'same path' in error.hint


def test_a_format_that_is_not_installed_on_a_node_is_named(tmp_path: Path) -> None:
    error = answer(b'cnot_installed\nFormat\n.', tmp_path).carried
    assert isinstance(error, LaunchError)
    assert "No module named 'not_installed'" in error.problem
    assert 'install it on every node' in error.hint


def test_a_task_has_the_working_directory_and_the_modules_of_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / 'project'
    project.mkdir()
    (project / 'of_the_project.py').write_text('def task(report):\n    report(3)\n    return open("here").read()\n')
    (tmp_path / 'here').write_text('content')
    monkeypatch.setattr(sys, 'path', [*sys.path])
    monkeypatch.chdir(tmp_path.parent)
    surroundings = Surroundings(str(tmp_path), (str(project),))
    content, count = run(b'cof_the_project\ntask\n.', surroundings, 0, None)
    assert pickle.loads(content) == 'content'
    assert count == 3
