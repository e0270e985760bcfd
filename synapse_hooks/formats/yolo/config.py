"""`dataset.yaml`: where the images are and what the classes are called, as ultralytics understands it.

Rules (ultralytics 8.4, `check_det_dataset` and `BaseDataset.get_img_files`): `train`, `val`, `test` are folders, `.txt`
lists of images, or a list of these, relative to `path`, which here is relative to the yaml's folder; empty means that
folder. `names` is a list or a mapping from number to name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from synapse_hooks.data import SUFFIXES, split_name
from synapse_hooks.errors import DatasetInvalid

CONFIG = 'dataset.yaml'
_KEYS = {'train': 'train', 'val': 'valid', 'validation': 'valid', 'test': 'test'}


class Config(NamedTuple):
    """What a dataset.yaml says."""

    file: Path
    root: Path
    names: tuple[str, ...]
    sources: dict[str, list[Path]]
    """For each split, folders and lists of images."""
    joints: tuple[int, int] | None
    """`kpt_shape` of a pose dataset: joints, and 2 or 3 numbers for each."""


def find_config(path: Path) -> Path:
    """The yaml file of a dataset: `path` itself, or the one in that folder.

    Raises:
        DatasetInvalid: There is none, or several and no way to tell.
    """
    if path.is_file():
        return path
    for name in (CONFIG, 'data.yaml', 'dataset.yml', 'data.yml'):
        if (path / name).is_file():
            return path / name
    found = sorted(file for file in path.glob('*.y*ml') if _describes_dataset(file))
    if len(found) != 1:
        why = f'several: {", ".join(file.name for file in found)}' if found else 'none'
        raise DatasetInvalid(
            f'{path} must hold one {CONFIG} with `names`, and there are {why}',
            hint='name the yaml file itself instead of its folder',
            path=str(path),
        )
    return found[0]


def _describes_dataset(file: Path) -> bool:
    try:
        said = yaml.safe_load(file.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    return isinstance(said, dict) and bool({'names', 'nc'} & said.keys()) and bool(_KEYS.keys() & said.keys())


def read_config(path: Path) -> Config:
    """What the dataset.yaml at `path` (or in the folder `path`) says.

    Raises:
        DatasetInvalid: It is no yaml, or says nothing of classes or images, or points at what is not there.
    """
    file = find_config(path)
    try:
        said = yaml.safe_load(file.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DatasetInvalid(f'{file} is no YAML: {error}', hint='repair it', path=str(file)) from error
    if not isinstance(said, dict):
        raise DatasetInvalid(f'{file} must hold `train`, `val` and `names`', hint='repair it', path=str(file))
    root = _root(file, said)
    sources = {}
    for key, split in _KEYS.items():
        if said.get(key):
            entries = said[key] if isinstance(said[key], list) else [said[key]]
            sources[split] = [_place(root, str(entry), file, key) for entry in entries]
    if not sources:
        raise DatasetInvalid(f'{file} names no images: `train`, `val` or `test`', hint='add them', path=str(file))
    shape = said.get('kpt_shape')
    joints = (int(shape[0]), int(shape[1])) if isinstance(shape, list) and len(shape) == 2 else None
    return Config(file, root, _names(said, file), sources, joints)


def _root(file: Path, said: dict[str, Any]) -> Path:
    place = Path(str(said.get('path') or ''))
    for root in (file.parent / place, place):
        if root.is_dir():
            return root
    return file.parent


def _place(root: Path, entry: str, file: Path, key: str) -> Path:
    for name in (entry, entry.removeprefix('../')):
        if (root / name).exists():
            return root / name
    raise DatasetInvalid(
        f'{file}: `{key}: {entry}` is not there (looked at {root / entry})', hint='correct the path', path=str(file)
    )


def _names(said: dict[str, Any], file: Path) -> tuple[str, ...]:
    names = said.get('names')
    if names is None and isinstance(said.get('nc'), int):
        return tuple(f'class_{number}' for number in range(said['nc']))
    if isinstance(names, list):
        return tuple(map(str, names))
    if isinstance(names, dict):
        numbered = {int(number): str(name) for number, name in names.items() if str(number).isdigit()}
        if len(numbered) == len(names) and sorted(numbered) == list(range(len(names))):
            return tuple(numbered[number] for number in range(len(names)))
    raise DatasetInvalid(
        f'{file}: `names` must be a list, or a mapping from 0, 1, 2, ... to names; it is {names!r}',
        hint='number the classes from 0 without gaps',
        path=str(file),
    )


def images_of(config: Config, split: str) -> Iterator[tuple[str, Path]]:
    """Every image of a split: a relative posix name without its extension, and its file; sorted within a folder."""
    for source in config.sources[split]:
        if source.is_dir():
            for image in sorted(file for file in source.rglob('*') if file.suffix.lower() in SUFFIXES):
                yield image.relative_to(source).with_suffix('').as_posix(), image
        else:
            for line in source.read_text(encoding='utf-8').splitlines():
                if line.strip():
                    image = _listed(line.strip(), source, config.root)
                    yield _listed_id(image, split), image


def _listed(line: str, source: Path, root: Path) -> Path:
    if line.startswith('./') or not (root / line).exists():
        return source.parent / line
    return root / line


def _listed_id(image: Path, split: str) -> str:
    parts = image.with_suffix('').parts
    if 'images' in parts[:-1]:
        after = len(parts) - 1 - parts[::-1].index('images')
        parts = parts[after + 1 :]
    else:
        parts = parts[-1:]
    return '/'.join(parts[1:] if len(parts) > 1 and split_name(parts[0]) == split else parts)


def label_path(image: Path) -> Path:
    """The label file of an image: the last folder `images` becomes `labels`, the extension `.txt`.

    Example:
        >>> label_path(Path('d/images/train/a.b.jpg')).as_posix()
        'd/labels/train/a.b.txt'
    """
    parts = list(image.with_suffix('.txt').parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == 'images':
            parts[place] = 'labels'
            break
    return Path(*parts)


def write_config(out: Path, names: tuple[str, ...], folders: Mapping[str, str]) -> Path:
    """Write `dataset.yaml`. The empty `path` means its own folder, so that the dataset can be moved."""
    said = {'path': '', **folders, 'nc': len(names), 'names': dict(enumerate(names))}
    file = out / CONFIG
    file.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=1000), encoding='utf-8')
    return file
