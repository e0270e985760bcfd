"""Artifacts as MLflow keeps them: where a file is put, and images by step."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from synapse_hooks.storage import open_regular
from synapse_hooks_mlflow.names import place_of
from synapse_hooks_mlflow.tracked_run import milliseconds

_STAGES: Final = ('.staging', 'stages')
_FORBIDDEN: Final = re.compile(r'[^\w\-. ()@=,]')
_FORBIDDEN_IN_KEYS: Final = re.compile(r'[^A-Za-z0-9_\-. ]')
_THUMBNAIL: Final = 256
"""The longest side of the images that MLflow shows in its charts, in pixels."""


def place_of_artifact(run_dir: Path, artifact: Mapping[str, Any]) -> str:
    """The path of an artifact within those of the run in MLflow: as in the run directory, without its `stages`.

    Example:
        >>> place_of_artifact(Path('/run'), {'kind': 'weights', 'path': '/run/.staging/execute/best.pt'})
        'execute/best.pt'
        >>> place_of_artifact(Path('/run'), {'kind': 'table', 'path': '/home/me/results.csv'})
        'table/results.csv'
    """
    path = Path(artifact['path'])
    if path.is_relative_to(run_dir):
        parts = path.relative_to(run_dir).parts
        parts = parts[1:] if len(parts) > 1 and parts[0] in _STAGES else parts
    else:
        parts = str(artifact.get('kind', 'file')), path.name
    # A leading dot would be safe, but two of them are refused by servers.
    return '/'.join(_FORBIDDEN.sub('_', part).lstrip('.') or '_' for part in parts)


@contextmanager
def renamed(file: Path, name: str) -> Iterator[Path]:
    """A file or folder under another name while the block runs: MLflow uploads a file under its own name only."""
    if file.name == name:
        yield file
        return
    with tempfile.TemporaryDirectory(prefix='synapse-hooks-mlflow-') as folder:
        link = Path(folder, name)
        link.symlink_to(file.absolute(), target_is_directory=file.is_dir())
        yield link


def is_step_image(artifact: Mapping[str, Any]) -> bool:
    """Whether it is an image of a step, which MLflow can show in a chart."""
    return artifact.get('kind') == 'image' and artifact.get('step') is not None


@contextmanager
def step_images(artifact: Mapping[str, Any]) -> Iterator[list[Path]]:
    """The two files that MLflow has for an image of a step, the image and a small one, while the block runs.

    The names are those that `MlflowClient.log_image` gives, but the same each time, so that a repetition replaces them.
    """
    import PIL.Image

    label = f'{place_of(artifact)}{artifact.get("role") or "image"}'
    key = '~'.join(_FORBIDDEN_IN_KEYS.sub('_', part) or '_' for part in label.split('/'))
    event = ':'.join(str(artifact.get(field)) for field in ('run', 'attempt', 'rank', 'pid', 'seq'))
    time, step = milliseconds(artifact), round(artifact['step'])
    name = f'{key}+step+{step}+timestamp+{time}+{uuid5(NAMESPACE_URL, event)}'
    with tempfile.TemporaryDirectory(prefix='synapse-hooks-mlflow-') as folder:
        files = [Path(folder, f'{name}.png'), Path(folder, f'{name}+compressed.webp')]
        with os.fdopen(open_regular(Path(artifact['path'])), 'rb') as opened, PIL.Image.open(opened) as image:
            image.save(files[0], compress_level=1)
            small = image if image.mode in ('L', 'RGB', 'RGBA') else image.convert('RGB')
            small.thumbnail((_THUMBNAIL, _THUMBNAIL))
            small.save(files[1])
        yield files
