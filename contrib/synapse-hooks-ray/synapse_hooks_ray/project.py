"""The project's folder as one archive: what of it travels, and where it is on a worker."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from synapse_hooks.errors import ConfigError
from synapse_hooks.journal import secrets_of
from synapse_hooks.journal.record import RECORD
from synapse_hooks.launches import RunPlan
from synapse_hooks.storage import read_file

LARGEST_FILE: Final = 20_000_000
"""Bytes. Larger files are data or weights."""
LARGEST: Final = 200_000_000
"""Bytes of a project. Ray keeps it in the memory of the head node."""
_SKIPPED_FOLDERS: Final = frozenset(('__pycache__', 'node_modules', '__MACOSX'))
_MARKS: Final = frozenset(('pyvenv.cfg', 'CACHEDIR.TAG', 'conda-meta'))
"""What a folder holds that is an environment or a cache."""
_SECRET: Final = re.compile(
    r'\.env(\..*)?|.*\.env|.*\.(pem|key|p12|pfx|jks|keystore|kdbx)|id_(rsa|dsa|ecdsa|ed25519)(\..*)?|\.netrc|_netrc'
    r'|\.pypirc|\.npmrc|\.git-credentials|\.htpasswd|(.*[-_.])?(credentials?|secrets?)(\.(json|ya?ml|toml|ini|txt))?'
    r'|service[-_]account.*\.json',
    re.IGNORECASE,
)
"""Files that usually hold passwords, tokens or keys."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass
class Packed:
    """What was packed of a project."""

    archive: Path
    files: int = 0
    bytes: int = 0
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """Names by reason; what is never code, such as `.git`, is not listed."""

    def sentence(self) -> str:
        """What is left out, in one line; empty where nothing is."""
        parts = []
        for reason, names in self.left_out.items():
            more = f' and {len(names) - 3} more' if len(names) > 3 else ''
            parts.append(f'{", ".join(names[:3])}{more} ({reason})')
        return f'not sent to the cluster: {"; ".join(parts)}' if parts else ''


def project_of(plan: RunPlan) -> Path | None:
    """The folder with the code of a plan's action, and its settings: that of the nearest pyproject.toml, or else that
    of the target. None where the target is an installed module, and the run has no project.
    """
    own = _folder_of(plan)
    start = own or Path(plan.project or plan.cwd or '.').absolute()
    return next((parent for parent in (start, *start.parents) if (parent / 'pyproject.toml').is_file()), own)


def _folder_of(plan: RunPlan) -> Path | None:
    """The folder that the target is in; None for an installed module."""
    place, _, _ = plan.target.rpartition(':')
    start = Path(plan.cwd or '.').absolute()
    if not place:
        return start / plan.target
    if place.endswith('.py'):
        return (start / place).parent
    top = start / place.partition('.')[0]
    return start if top.is_dir() or top.with_suffix('.py').is_file() else None


def pack(root: Path, archive: Path, *, exclude: Sequence[str] = ()) -> Packed:
    """Write the files of a project into an archive. The same files make the same bytes.

    Left out are environments, caches, hidden folders, runs, large files, and files that may hold secrets.

    Args:
        root: The project's folder.
        archive: A new .zip file.
        exclude: More patterns of names to leave out, such as `datasets` or `*.jpg`.

    Raises:
        ConfigError: It is too large.
    """
    packed = Packed(archive)
    secrets = [secret.encode() for secret in secrets_of(os.environ)]
    with zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for file, name in _files(root, exclude, packed):
            data = read_file(file, limit=LARGEST_FILE)
            if any(secret in data for secret in secrets):
                packed.left_out.setdefault('holds a secret of the environment', []).append(name)
                continue
            packed.files += 1
            packed.bytes += len(data)
            if packed.bytes > LARGEST:
                raise ConfigError(
                    f'{root} is too large to be sent to the cluster: more than {LARGEST // 1_000_000} MB without what '
                    'is left out',
                    hint='keep data outside of it, or write exclude = ["data"] below [tool.synapse_hooks.settings.ray]',
                    path=str(root),
                )
            target.writestr(_info(name, file.stat().st_mode), data, zipfile.ZIP_DEFLATED)
    return packed


def placed(plan: RunPlan, root: str | None, here: Path | None) -> RunPlan:
    """A plan whose target, project and working directory are where the project was unpacked.

    Args:
        plan: The driver's.
        root: The driver's folder that was shipped.
        here: Where it is now.

    Example:
        >>> plan = RunPlan(target='/home/me/p/train.py:Train', run_dir='/runs/a', cwd='/home/me/p')
        >>> moved = placed(plan, '/home/me/p', Path('/tmp/x'))
        >>> moved.target, moved.run_dir
        ('/tmp/x/train.py:Train', '/runs/a')
    """
    if root is None or here is None:
        return plan
    place, colon, name = plan.target.rpartition(':')
    if place.endswith('.py'):
        target = f'{_moved(place, root, here)}{colon}{name}'
    else:
        target = plan.target if place else _moved(plan.target, root, here)
    project = None if plan.project is None else _moved(plan.project, root, here)
    cwd = _moved(plan.cwd, root, here)
    return replace(plan, target=target, project=project, cwd=cwd if Path(cwd).is_dir() else str(here))


def _moved(path: str, root: str, here: Path) -> str:
    return str(here / Path(path).relative_to(root)) if Path(path).is_relative_to(root) else path


def _files(root: Path, exclude: Sequence[str], packed: Packed) -> Iterator[tuple[Path, str]]:
    def leave_out(name: str, reason: str) -> None:
        packed.left_out.setdefault(reason, []).append(name)

    for top, folders, names in os.walk(root):
        base = Path(top)
        wanted = []
        for name in sorted(folders):
            relative = (base / name).relative_to(root).as_posix()
            if name in _SKIPPED_FOLDERS or name.startswith('.') or not _MARKS.isdisjoint(os.listdir(base / name)):
                continue
            if _matches(relative, exclude):
                leave_out(f'{relative}/', 'excluded')
            elif _is_run(base / name):
                leave_out(f'{relative}/', 'a run')
            elif (base / name).is_symlink():
                leave_out(f'{relative}/', 'a link to a folder')
            else:
                wanted.append(name)
        folders[:] = wanted
        for name in sorted(names):
            file = base / name
            relative = file.relative_to(root).as_posix()
            if name.endswith('.pyc') or not file.is_file():
                continue
            if _SECRET.fullmatch(name):
                leave_out(relative, 'may hold secrets')
            elif _matches(relative, exclude):
                leave_out(relative, 'excluded')
            elif file.stat().st_size > LARGEST_FILE:
                leave_out(relative, f'above {LARGEST_FILE // 1_000_000} MB')
            else:
                yield file, relative


def _is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, or only holds runs."""
    if (folder / RECORD).is_file():
        return True
    inner = list(folder.iterdir())
    return bool(inner) and all((path / RECORD).is_file() for path in inner)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    last = name.rpartition('/')[2]
    return any(fnmatch(last, pattern.rstrip('/')) or fnmatch(name, pattern.rstrip('/')) for pattern in patterns)


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    # Only whether it can be executed: a umask must not make another archive.
    info.external_attr = (0o100755 if mode & 0o100 else 0o100644) << 16
    return info
