"""The fixtures of the kit, also where this checkout was installed before it had them."""

from synapse_hooks.testing.pytest_plugin import (
    assert_hooks_called,
    fake_run,
    plugin_host,
    plugin_project,
    sample_dataset,
    workspace,
)

__all__ = ['assert_hooks_called', 'fake_run', 'plugin_host', 'plugin_project', 'sample_dataset', 'workspace']
