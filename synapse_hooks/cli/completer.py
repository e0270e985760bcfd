"""Completion by the Tab key: a shell runs `synapse-hooks` with the line to complete in the environment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from synapse_hooks.cli import COMMANDS, module_of
from synapse_hooks.cli.common import add_common
from synapse_hooks.errors import SynapseHooksError


def complete(line: str) -> None:
    """Print the completions and exit; return if argcomplete is not installed.

    Args:
        line: The line to complete, with the name of the program.
    """
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(_parser(line), always_complete_options=False)


def _parser(line: str) -> argparse.ArgumentParser:
    """The parser of the whole command line. Only the command in the line is imported."""
    parser = argparse.ArgumentParser(prog='synapse-hooks')
    parser.add_argument('--version', action='store_true')
    commands = parser.add_subparsers(dest='command')
    typed = [*line.split(), '', ''][1]
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name == typed:
            import_module(module_of(name)).add_arguments(command)
            add_common(command)
            _set_completers(command)
    return parser


def _set_completers(parser: argparse.ArgumentParser) -> None:
    """Set the completer of each argument, by its metavar."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub_command in action.choices.values():
                _set_completers(sub_command)
        elif completer := _COMPLETERS.get('PLUGIN' if action.dest in ('block', 'only') else str(action.metavar)):
            action.completer = completer  # type: ignore[attr-defined]


def _formats(**_: Any) -> Iterable[str]:
    return _provided('format')


def _launchers(**_: Any) -> Iterable[str]:
    return _provided('launcher')


def _executors(**_: Any) -> Iterable[str]:
    return _provided('executor')


def _plugins(**_: Any) -> Iterable[str]:
    return [name for kind in ('format', 'autologger', 'executor', 'launcher', 'plugin') for name in _provided(kind)]


def _hooks(**_: Any) -> Iterable[str]:
    from synapse_hooks.hookspecs import hook_names

    return hook_names()


def _datasets(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    """Files, and the names of the workspace's datasets."""
    from argcomplete.completers import FilesCompleter

    from synapse_hooks.backends import Workspace, default_root

    names: list[str] = []
    with suppress(SynapseHooksError, OSError):
        records = Workspace(getattr(parsed_args, 'workspace', None) or default_root()).list_datasets()
        names = [str(record['name']) for record in records]
    return [*FilesCompleter()(prefix), *names]


def _runs(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    """The names of runs; of a path, files."""
    if os.sep in prefix or prefix.startswith(('.', '~')):
        from argcomplete.completers import FilesCompleter

        return list(FilesCompleter()(prefix))
    from synapse_hooks.journal.run_directory import LAST
    from synapse_hooks.runs.collection import Runs, run_directories

    with suppress(SynapseHooksError, OSError):
        folder = Runs(getattr(parsed_args, 'workspace', None)).folder
        return [*(path.name for path in run_directories(folder)), LAST]
    return [LAST]


def _records(parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    """The names of the workspace's datasets or models."""
    from synapse_hooks.backends import Workspace, default_root

    with suppress(SynapseHooksError, OSError):
        workspace = Workspace(getattr(parsed_args, 'workspace', None) or default_root())
        records = workspace.list_models() if parsed_args.kind == 'model' else workspace.list_datasets()
        return [str(record['name']) for record in records]
    return []


def _provided(kind: str) -> list[str]:
    """The names of the plugins of a kind that are built in or installed; none is imported."""
    from synapse_hooks.autologgers import BUILTIN as AUTOLOGGERS
    from synapse_hooks.conversion import EXECUTORS
    from synapse_hooks.formats import BUILTIN as FORMATS
    from synapse_hooks.plugins.discovery import installed_plugins

    builtin = {'format': FORMATS, 'autologger': AUTOLOGGERS, 'executor': EXECUTORS}.get(kind, {})
    return sorted({*builtin, *(plugin.name for plugin in installed_plugins() if plugin.kind == kind)})


_COMPLETERS: Final[dict[str, Callable[..., Iterable[str]]]] = {
    'EXECUTOR': _executors,
    'FORMAT': _formats,
    'HOOK': _hooks,
    'LAUNCHER': _launchers,
    'PLUGIN': _plugins,
    'DATASET': _datasets,
    'SRC': _datasets,
    'RUN': _runs,
    'RECORD': _records,
}
