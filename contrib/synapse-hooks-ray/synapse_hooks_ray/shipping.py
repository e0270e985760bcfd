"""What travels to the workers when a driver connects: local plugins, and the project's folder.

A plugin that pip installed from an index is expected on every node, in the same version. One that was installed from a
folder, a file or in editable form exists on the driver only, so it is sent: as an installed wheel, its packages and its
`.dist-info`, so that its entry points are found on the workers as well. Ray could send wheels itself; but it takes two
wheels of one version for the same, whatever is in them, and installs them with pip from the index of packages.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from synapse_hooks.errors import LaunchError
from synapse_hooks.launches import RunPlan
from synapse_hooks.plugins.discovery import GROUPS
from synapse_hooks.plugins.records import normalize
from synapse_hooks.storage import is_inside, safe_name
from synapse_hooks_ray.project import pack, project_of

_ON_EVERY_NODE: Final = frozenset(('synapse-hooks', 'synapse-hooks-ray'))
"""Without these, a worker could not begin."""
_OF_THE_INSTALLER: Final = frozenset(('RECORD', 'INSTALLER', 'REQUESTED', 'direct_url.json', 'uv_cache.json'))
_SLOWEST_BUILD: Final = 600.0


@dataclass(frozen=True)
class Shipment:
    """What travels."""

    modules: tuple[Path, ...] = ()
    """Packages, modules and `.dist-info` folders: `py_modules` of Ray."""
    archive: Path | None = None
    """The project: `working_dir` of Ray."""
    root: str | None = None
    """The project's folder, of which that is a copy."""
    plugins: tuple[str, ...] = ()
    """The distributions that are sent, with their versions."""
    left_out: str = ''
    """What is not sent of the project, as a sentence."""

    def runtime_env(self) -> dict[str, Any]:
        """The `runtime_env` for `ray.init`."""
        modules = {'py_modules': [str(path) for path in self.modules]} if self.modules else {}
        return {**modules, 'working_dir': str(self.archive)} if self.archive is not None else modules


def pack_shipment(plan: RunPlan, folder: Path, *, exclude: Sequence[str] = ()) -> Shipment:
    """Pack what a plan needs on a worker.

    Args:
        plan: The plan.
        folder: Where to put it; it must exist until the driver is connected.
        exclude: Names in the project that are not sent.

    Raises:
        LaunchError: A plugin cannot be packed.
        ConfigError: The project is too large.
    """
    modules, names = [], []
    for found in local_distributions():
        modules += pack_distribution(found, folder / safe_name(found.name))
        names.append(f'{found.name} {found.version}')
    root = project_of(plan)
    if root is None:
        return Shipment(tuple(modules), plugins=tuple(names))
    packed = pack(root, folder / 'project.zip', exclude=exclude)
    return Shipment(tuple(modules), packed.archive, str(root), tuple(names), packed.sentence())


def local_distributions() -> list[Distribution]:
    """The distributions with plugins that exist on this machine only, and those local ones that they require."""
    waiting = [found for found in distributions() if any(entry.group in GROUPS for entry in found.entry_points)]
    wanted: dict[str, Distribution] = {}
    while waiting:
        found = waiting.pop()
        name = normalize(found.name)
        if name not in wanted and name not in _ON_EVERY_NODE and _origin(found):
            wanted[name] = found
            waiting += _required(found)
    return [wanted[name] for name in sorted(wanted)]


def pack_distribution(found: Distribution, folder: Path) -> list[Path]:
    """Put the files of a distribution, as a wheel has them, into a new folder.

    Returns:
        What is directly in it.

    Raises:
        LaunchError: Its files are not known, or it is editable and cannot be built.
    """
    folder.mkdir(parents=True)
    if _origin(found).get('dir_info', {}).get('editable'):
        _unpack(_build(found, folder.with_name(f'{folder.name}.wheel')), folder)
    else:
        _copy(found, folder)
    for info in folder.glob('*.dist-info'):
        for name in _OF_THE_INSTALLER:
            (info / name).unlink(missing_ok=True)
    return sorted(folder.iterdir())


def _origin(found: Distribution) -> Mapping[str, Any]:
    """What installers write (PEP 610) of a distribution that came from a path of this machine; else empty."""
    try:
        origin = json.loads(found.read_text('direct_url.json') or '{}')
        return origin if urlsplit(origin.get('url', '')).scheme == 'file' else {}
    except (OSError, ValueError, AttributeError):
        return {}


def _required(found: Distribution) -> Iterator[Distribution]:
    from packaging.requirements import InvalidRequirement, Requirement

    for line in found.requires or ():
        try:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({'extra': ''}):
                yield distribution(requirement.name)
        except (InvalidRequirement, PackageNotFoundError):
            continue


def _copy(found: Distribution, folder: Path) -> None:
    """The files that the installer has recorded, without programs and compiled copies."""
    if not found.files:
        raise LaunchError(
            f'{found.name} {found.version} cannot be sent to the cluster: its RECORD does not list its files',
            hint=f'install it again: `pip install --force-reinstall {found.name}`',
            distribution=found.name,
        )
    site = Path(str(found.locate_file('')))
    for file in found.files:
        source = Path(str(found.locate_file(file)))
        if '__pycache__' in file.parts or '..' in file.parts or not is_inside(source, site) or not source.is_file():
            continue
        target = folder.joinpath(*file.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _build(found: Distribution, folder: Path) -> Path:
    source = urlsplit(_origin(found)['url']).path
    from urllib.request import url2pathname

    words = ('wheel', '--no-deps', '--disable-pip-version-check', '--quiet', '--wheel-dir', str(folder))
    pip = [sys.executable, '-m', 'pip', *words]
    uv = ['uv', 'build', '--wheel', '--quiet', '--out-dir', str(folder)]
    if _has_pip():
        # The environment has the build backend of what is developed in it, mostly; else pip has to get it.
        commands = [[*pip, '--no-build-isolation'], pip]
    elif shutil.which('uv'):
        commands = [[*uv, '--python', sys.executable]]
    else:
        raise _not_built(found, 'there is neither pip nor uv to build it', 'install pip here')
    for command in commands:
        done = subprocess.run(
            [*command, url2pathname(source)],
            capture_output=True,
            encoding='utf-8',
            errors='replace',
            stdin=subprocess.DEVNULL,
            timeout=_SLOWEST_BUILD,
        )
        if done.returncode == 0:
            (wheel,) = folder.glob('*.whl')
            return wheel
    lines = done.stderr.strip().splitlines() or [f'exit code {done.returncode}']
    raise _not_built(found, lines[-1], f'run `{" ".join(command[:4])} {url2pathname(source)}`')


def _not_built(found: Distribution, reason: str, hint: str) -> LaunchError:
    return LaunchError(
        f'{found.name} {found.version} is installed in editable form and cannot be sent to the cluster: {reason}',
        hint=hint,
        distribution=found.name,
    )


def _has_pip() -> bool:
    from importlib.util import find_spec

    return find_spec('pip') is not None


def _unpack(wheel: Path, folder: Path) -> None:
    """As an installer does, but for programs: `*.data/purelib` and `platlib` belong beside the packages."""
    work = Path(tempfile.mkdtemp(dir=wheel.parent))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(work)
    for data in work.glob('*.data'):
        for scheme in ('purelib', 'platlib'):
            if (data / scheme).is_dir():
                shutil.copytree(data / scheme, folder, dirs_exist_ok=True)
        shutil.rmtree(data)
    shutil.copytree(work, folder, dirs_exist_ok=True)
