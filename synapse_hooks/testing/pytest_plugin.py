"""The fixtures of the test kit. pytest finds this module by its entry point `synapse_hooks`; see docs/testing.md.

Every session of pytest imports it, so it imports nothing besides pytest until a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from synapse_hooks.backends import Workspace
    from synapse_hooks.context import Dataset
    from synapse_hooks.testing import FakeRun, HookRecorder, PluginHost, PluginProject


@pytest.fixture
def fake_run(tmp_path: Path) -> FakeRun:
    """A run directory with a journal and a context, in which no stage runs: a `FakeRun`."""
    from synapse_hooks.testing import FakeRun

    return FakeRun(tmp_path / 'fake_run')


@pytest.fixture
def plugin_host(fake_run: FakeRun) -> Callable[..., PluginHost]:
    """A function that makes a manager of exactly the given plugins, besides the built-in ones: a `PluginHost`.

    Its hooks get the context of `fake_run`.
    """
    from synapse_hooks.testing import PluginHost

    def host(*plugins: object) -> PluginHost:
        return PluginHost(*plugins, run=fake_run)

    return host


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    from synapse_hooks.backends import Workspace

    made = Workspace(tmp_path / 'workspace')
    made.init()
    return made


@pytest.fixture
def sample_dataset(tmp_path: Path) -> Dataset:
    """The small dataset of the kit, in DM layout: see `small_dataset`."""
    from synapse_hooks.testing import small_dataset

    return small_dataset(tmp_path / 'sample_dataset')


@pytest.fixture
def assert_hooks_called() -> Iterator[HookRecorder]:
    """Asserts which hooks of the plugins under test were called, in which order and how often: a `HookRecorder`.

    It records what `run_action`, `plugin_host` and `FakeRun.deliver` call while the test runs.
    """
    from synapse_hooks.testing import HookRecorder

    with HookRecorder() as recorder:
        yield recorder


@pytest.fixture
def plugin_project(tmp_path: Path) -> PluginProject:
    """A folder with files that the test writes, and in which it runs `synapse-hooks` commands: a `PluginProject`."""
    from synapse_hooks.testing import PluginProject

    return PluginProject(tmp_path / 'plugin_project')
