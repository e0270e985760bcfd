"""`dataset.yaml`: where the images are and what the classes are called, as ultralytics understands it.

Rules (ultralytics 8.4, `check_det_dataset`): `train`, `val`, `test` are folders, lists of images, or several of these,
relative to `path`, which here is relative to the yaml's folder; empty means that folder. Nothing in them is a pattern.
`names` is a list or a mapping from number to name; without it `nc` says how many classes there are. A pose dataset has
`kpt_shape`, and may have `kpt_names`. The key `task` is ours: ultralytics does not look at it. A name is the text in
the file, where ultralytics takes what YAML makes of it: of `no` False, of `007` 7.
"""

# Of a name that is too long for a disk, `Path.is_dir` and `Path.exists` raise.
# ruff: noqa: PTH110, PTH112
from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.errors import DatasetInvalid, cannot_read
from synapse_hooks.formats.folders import files_in
from synapse_hooks.formats.yolo.exports import Sources, export_file, is_export_file, read_export, tail_of
from synapse_hooks.safe_text import repr_of
from synapse_hooks.storage import read_yaml

CONFIG = 'dataset.yaml'
_MOST_CLASSES, _MOST_JOINTS, _DIGITS = 100_000, 10_000, 6
"""More than any dataset has. `nc: 1000000000` costs its writer nothing, and the reader all memory."""
_KEYS = {'train': 'train', 'val': 'valid', 'valid': 'valid', 'validation': 'valid', 'test': 'test'}
_TEXTS = frozenset((*_KEYS, 'path', 'names', 'kpt_names'))
"""The keys that hold names of classes, joints, files and folders: these are the text in the file."""


class Config(NamedTuple):
    """What a dataset.yaml says."""

    file: Path
    root: Path
    names: tuple[str, ...]
    sources: Sources
    """For each split, folders and lists of images."""
    missing: tuple[str, ...] = ()
    """What `test` names and is not there. Ultralytics trains without it."""
    joints: tuple[int, int] | None = None
    """`kpt_shape` of a pose dataset: joints, and 2 or 3 numbers for each."""
    skeletons: Mapping[str, tuple[str, ...]] = {}
    """`kpt_names`: the names of the joints, by class. At most as many as there are joints."""
    flip: tuple[int, ...] | None = None
    """`flip_idx`: for each joint the place of its mirror image."""
    moved: tuple[str, ...] = ()
    """What `train`, `val` and `test` name on another computer, and the end of which is here."""
    task: str | None = None
    """`task`, if it is declared: `detect`, `segment`, `pose` or `obb`."""


def find_config(path: Path) -> Path:
    """The yaml file of a dataset: `path` itself, or the one in that folder.

    Raises:
        DatasetInvalid: There is none, or several that may be meant.
    """
    files = config_files(path)
    if len(files) == 1:
        return files[0]
    if files:
        why, hint = (
            f'several: {", ".join(file.name for file in files)}',
            'name the yaml file itself instead of its folder',
        )
    else:
        why, hint = 'none', f'write {CONFIG}: `train` and `val` name folders of images, `names` lists the classes'
        if (path / 'labels').is_dir() and (path / 'images').is_dir():
            hint = f'write classes.txt beside images/ and labels/, with the name of a class in each line, or {CONFIG}'
    raise DatasetInvalid(f'{path} must hold one {CONFIG} with `names`, and there are {why}', hint=hint, path=str(path))


def config_files(path: Path) -> list[Path]:
    """The files that may be that of a dataset: `path` itself, or the yaml files in that folder, or what an export has
    in place of one.
    """
    if path.is_file():
        return [path]
    for name in (CONFIG, 'data.yaml', 'dataset.yml', 'data.yml'):
        if (path / name).is_file():
            return [path / name]
    described = [file for file in files_in(path, '.yaml', '.yml') if _describes_dataset(file)]
    export = None if described else export_file(path)
    return described if export is None else [export]


def _describes_dataset(file: Path) -> bool:
    try:
        content = read_yaml(file, _TEXTS)
    except ValueError:
        return False
    return isinstance(content, dict) and bool({'names', 'nc'} & content.keys()) and bool(_KEYS.keys() & content.keys())


def read_config(path: Path) -> Config:
    """What the dataset.yaml at `path` (or in the folder `path`) says.

    Raises:
        DatasetInvalid: It is not yaml, or says nothing of classes or images, or points at what is not there.
    """
    file = find_config(path)
    if is_export_file(file):
        root, names, sources = read_export(file)
        return Config(file, root, names, sources)
    try:
        content = read_yaml(file, _TEXTS)
    except OSError as error:
        raise cannot_read(DatasetInvalid, error, file) from error
    except ValueError as error:
        raise DatasetInvalid(f'{file} is not YAML: {error}', hint='correct it', path=str(file)) from error
    if not isinstance(content, dict):
        raise DatasetInvalid(f'{file} must hold `train`, `val` and `names`', hint='repair it', path=str(file))
    entries = {
        key: [str(entry) for entry in (content[key] if isinstance(content[key], list) else [content[key]])]
        for key in _KEYS
        if content.get(key)
    }
    if not entries:
        raise DatasetInvalid(f'{file} names no images: `train`, `val` or `test`', hint='add them', path=str(file))
    root = _root(file, content, entries)
    sources = {}
    missing: list[str] = []
    moved: dict[str, Path] = {}
    for key, places in entries.items():
        for entry in places:
            place = _place(root, entry)
            tail = tail_of(root, entry) if place is None else None
            # Two entries with the same end would be one folder for two splits.
            if tail is not None and tail not in moved.values():
                place = moved[entry] = tail
            if place is not None:
                sources.setdefault(_KEYS[key], []).append(place)
            elif key == 'test':
                missing.append(entry)
            else:
                raise DatasetInvalid(
                    f'{file}: `{key}: {entry}` is not there (looked at {root / entry})',
                    hint='correct the path',
                    path=str(file),
                )
    names, joints = _names(content, file), _joints(content, file)
    skeletons = _skeletons(content, file, names, joints[0]) if joints else {}
    flip, task = content.get('flip_idx'), content.get('task')
    return Config(
        file,
        root,
        names,
        sources,
        tuple(missing),
        joints,
        skeletons,
        tuple(flip) if isinstance(flip, list) else None,
        tuple(moved),
        task if isinstance(task, str) else None,
    )


def _root(file: Path, content: dict[str, Any], entries: dict[str, list[str]]) -> Path:
    """The first folder that has everything; a dataset that was moved says in `path` where it was before."""
    path = content.get('path') or ''
    if not isinstance(path, str):
        raise DatasetInvalid(f'{file}: `path` must be a folder, got {repr_of(path)}', hint='correct it', path=str(file))
    declared = [file.parent / path, Path(path)] if path else []
    roots = [root for root in (*declared, file.parent) if os.path.isdir(root)]
    needed = [entry for key, places in entries.items() if key != 'test' for entry in places]
    whole = (root for root in roots if all(_place(root, entry) for entry in needed))
    return next(whole, roots[0])


def _place(root: Path, entry: str) -> Path | None:
    places = (root / name for name in (entry, entry.removeprefix('../')))
    return next((place for place in places if os.path.exists(place)), None)


def named_elsewhere(config: Config) -> list[Path]:
    """The folders that a dataset.yaml names outside of its `path`, and those of its lists there: by name, not by a
    link.
    """
    # `resolve` would follow links.
    root = os.path.abspath(config.root)  # noqa: PTH100
    named = [file for files in config.sources.values() for file in files]
    outer = [file for file in named if not Path(os.path.abspath(file)).is_relative_to(root)]  # noqa: PTH100
    return [file if file.is_dir() else file.parent for file in outer]


def _names(content: dict[str, Any], file: Path) -> tuple[str, ...]:
    nc = str(content.get('nc')).removesuffix('.0')
    count = int(nc) if nc.isdecimal() and len(nc) <= _DIGITS else None
    if nc.isdecimal() and (count is None or count > _MOST_CLASSES):
        raise DatasetInvalid(
            f'{file}: `nc` must be at most {_MOST_CLASSES:,}, and it has {len(nc)} digits', hint='correct it'
        )
    if content.get('names') is None and count is not None:
        return tuple(f'class_{number}' for number in range(count))
    names = _declared_names(content, file)
    if count not in (None, len(names)):
        raise DatasetInvalid(
            f'{file}: `nc` is {count}, and there are {len(names)} names', hint='correct one of them', path=str(file)
        )
    return names


def _declared_names(content: dict[str, Any], file: Path) -> tuple[str, ...]:
    names = content.get('names')
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return tuple(names)
    if isinstance(names, dict) and all(isinstance(name, str) for name in names.values()):
        numbered = _numbered(names)
        if len(numbered) == len(names) and sorted(numbered) == list(range(len(names))):
            return tuple(numbered[number] for number in range(len(names)))
    raise DatasetInvalid(
        f'{file}: `names` must be a list, or a mapping from 0, 1, 2, ... to names; it is {names!r:.200}',
        hint='number the classes from 0 without gaps',
        path=str(file),
    )


def _numbered(mapping: dict[Any, Any]) -> dict[int, Any]:
    return {
        int(number): value
        for number, value in mapping.items()
        if str(number).isdecimal() and len(str(number)) <= _DIGITS
    }


def _joints(content: dict[str, Any], file: Path) -> tuple[int, int] | None:
    match content.get('kpt_shape'):
        case None | [0, _]:
            return None
        case [int(count), 2 | 3 as numbers] if 0 < count <= _MOST_JOINTS:
            return int(count), int(numbers)
        case shape:
            raise DatasetInvalid(
                f'{file}: `kpt_shape` must be [joints, 2 or 3]; it is {shape!r:.200}',
                hint='for example `kpt_shape: [17, 3]`',
                path=str(file),
            )


def _skeletons(content: dict[str, Any], file: Path, names: tuple[str, ...], count: int) -> dict[str, tuple[str, ...]]:
    match content.get('kpt_names'):
        case None:
            joints_of = {}
        case [str(), *_] as joints:
            joints_of = dict.fromkeys(range(len(names)), joints)
        case list(classes):
            joints_of = dict(enumerate(classes))
        case dict(classes):
            joints_of = _numbered(classes)
        case other:
            joints_of = {0: other}
    if not all(isinstance(joints, list) for joints in joints_of.values()):
        raise DatasetInvalid(
            f'{file}: `kpt_names` must be a mapping from the number of a class to a list of names, or such a list',
            hint='correct it, or remove it: joints need no names',
            path=str(file),
        )
    return {
        names[number]: tuple(map(str, joints[:count])) for number, joints in joints_of.items() if number < len(names)
    }


def write_config(out: Path, names: tuple[str, ...], folders: Mapping[str, str], **extra: Any) -> Path:
    """Write `dataset.yaml`. The empty `path` means its own folder, so that the dataset can be moved.

    Args:
        out: The dataset's folder.
        names: The classes.
        folders: For each key (`train`, `val`, `test`), the folder of its images below `out`.
        extra: Further keys: `task`, and what `pose_config` says.
    """
    import yaml

    content = {'path': '', **folders, 'nc': len(names), 'names': dict(enumerate(names)), **extra}
    file = out / CONFIG
    file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000), encoding='utf-8')
    return file
