"""Fixtures around the stand-in for ultralytics."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from synapse_hooks.autologgers.ultralytics import UltralyticsAutologger
from synapse_hooks.context import AutologSession
from tests.autologgers.ultralytics_stand_in import YOLO, Listing


@pytest.fixture
def ultralytics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """The stand-in, importable as `ultralytics`; output goes to `tmp_path/runs` by default."""

    def get_save_dir(args: Any, name: str | None = None) -> Path:
        if getattr(args, 'save_dir', None):
            return Path(args.save_dir)
        project = Path(args.project or '')
        base = project if project.is_absolute() else tmp_path / 'runs' / args.task / project
        stem = name or args.name or args.mode
        candidates = [base / stem, *(base / f'{stem}{number}' for number in range(2, 9))]
        return next(path for path in candidates if not path.exists())

    def add_integration_callbacks(instance: Any) -> None:
        instance.callbacks['on_train_start'].append(lambda trainer: None)

    modules = {}
    for name in ('', 'engine', 'utils', 'utils.callbacks', *(f'engine.{n}' for n in ('trainer', 'validator'))):
        modules[name] = ModuleType(f'ultralytics.{name}'.rstrip('.'))
    for name in ('predictor', 'model'):
        modules[f'engine.{name}'] = ModuleType(f'ultralytics.engine.{name}')
    modules[''].__version__ = '8.4.104'  # type: ignore[attr-defined]
    for name in ('trainer', 'validator', 'predictor', 'model'):
        modules[f'engine.{name}'].get_save_dir = get_save_dir  # type: ignore[attr-defined]
    modules['utils.callbacks'].add_integration_callbacks = add_integration_callbacks  # type: ignore[attr-defined]
    modules['utils.callbacks'].default_callbacks = defaultdict(list)  # type: ignore[attr-defined]
    for module in modules.values():
        monkeypatch.setitem(sys.modules, module.__name__, module)
    before = {name: dict(vars(module)) for name, module in modules.items()}

    def is_untouched() -> bool:
        return all(dict(vars(module)) == before[name] for name, module in modules.items())

    return SimpleNamespace(modules=modules, YOLO=YOLO, is_untouched=is_untouched, get_save_dir=get_save_dir)


@pytest.fixture
def log() -> Listing:
    """What was recorded."""
    return Listing()


@pytest.fixture
def attach(log: Listing, tmp_path: Path) -> Callable[..., Any]:
    """`with attach():` logs to `log`, with `tmp_path/run` as the run directory."""

    def attached(recorder: Any = None, run_dir: Path | None = None) -> Any:
        session = AutologSession('ultralytics', recorder or log, run_dir or tmp_path / 'run')
        return UltralyticsAutologger().autolog('ultralytics', session)

    return attached
