"""Environments as users have them: a virtual environment of its own, plugins that pip installed, the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import synapse_hooks
from tests.support.waiting import until

DISTS = Path(__file__).parent.parent / 'dists'
CONTRIB = Path(__file__).parents[2] / 'contrib'
# What pip would write for `synapse-hooks`: unlike `python -m`, it does not put the working directory on the path.
_SCRIPT = '#!{python}\nimport sys\nfrom synapse_hooks.cli import main\nsys.exit(main())\n'
_PIP = (sys.executable, '-m', 'pip', '--isolated', '--disable-pip-version-check', '--quiet')
_PATIENCE = 180


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; anything besides it is a failure."""
        assert self.out.count('\n') == 1, f'one line was expected on stdout: {self.out!r}\n{self.err}'
        loaded = json.loads(self.out)
        assert isinstance(loaded, dict)
        return loaded

    def __str__(self) -> str:
        return f'{" ".join(self.words)}\nexit code {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}'


@dataclass(frozen=True)
class Environment:
    """A virtual environment that sees this synapse_hooks, what it needs, and what was pip-installed into it.

    Args:
        root: The environment's folder.
        cwd: Where commands start.
        env: Environment variables besides the inherited ones.
    """

    root: Path
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / 'bin' / 'python'

    def at(self, cwd: Path, **env: str) -> Environment:
        """The same environment, used from another folder, with other variables."""
        return Environment(self.root, cwd, {**self.env, **env})

    def hooks(self, *words: str | Path, code: int | None = 0, **env: str) -> Ended:
        """Run `synapse-hooks WORDS` and wait for it.

        Args:
            *words: The command line.
            code: The exit code that is expected; None takes any.
            **env: More environment variables.
        """
        ended = self.run(self.root / 'bin' / 'synapse-hooks', *words, **env)
        assert 'Traceback' not in ended.err or code == 1, f'a traceback:\n{ended}'
        assert code is None or ended.code == code, f'exit code {code} was expected:\n{ended}'
        return ended

    def run(self, *words: str | Path, **env: str) -> Ended:
        """Run any command in the environment and wait for it."""
        told = tuple(map(str, words))
        done = subprocess.run(
            told,
            cwd=self.cwd,
            env={**self._env(), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding='utf-8',
            timeout=_PATIENCE,
            check=False,
        )
        return Ended(told, done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, *words: str | Path, **env: str) -> Iterator[Running]:
        """Run `synapse-hooks WORDS` in the background; it is killed when the block ends."""
        told = (str(self.root / 'bin' / 'synapse-hooks'), *map(str, words))
        process = subprocess.Popen(
            told,
            cwd=self.cwd,
            env={**self._env(), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding='utf-8',
            # Whoever started pytest in the background made it ignore Ctrl-C; a terminal's child does not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            yield Running(told, process)
        finally:
            process.kill()
            process.communicate()

    def _env(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(('PYTHON', 'COLUMNS'))}
        return {**inherited, **self.env}


@dataclass(frozen=True)
class Running:
    """A command in the background."""

    words: tuple[str, ...]
    process: subprocess.Popen[str]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true; the command must not end before."""
        until(condition, self.process)

    def end(self, number: signal.Signals | None = None) -> Ended:
        """Send a signal, if one is given, and wait for the end."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=_PATIENCE)
        return Ended(self.words, self.process.returncode, out, err)


class Environments:
    """Makes environments, each once, for all test processes of a session.

    Args:
        root: A folder that the test processes share.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def of(self, *distributions: str) -> Environment:
        """The environment with the named folders of tests/dists installed by pip, and nothing else besides ours.

        It is shared: to install more into one, make it with `fresh`.
        """
        environment = Environment(self.root / ('venv-' + ('-'.join(sorted(distributions)) or 'empty')))
        with FileLock(self.root / f'{environment.root.name}.lock'):
            if not environment.root.exists():
                self.fresh(environment.root, *distributions)
        return environment

    def fresh(self, folder: Path, *distributions: str | Path) -> Environment:
        """A new environment at `folder`, with distributions from tests/dists (by name) or anywhere (by path)."""
        unfinished = folder.with_name(f'{folder.name}.making')
        shutil.rmtree(unfinished, ignore_errors=True)
        subprocess.run([sys.executable, '-m', 'venv', '--without-pip', unfinished], check=True)
        unfinished.rename(folder)
        environment = Environment(folder)
        (site,) = folder.glob('lib/python*/site-packages')
        (site / 'outer.pth').write_text('\n'.join(_visible()) + '\n', encoding='utf-8')
        script = folder / 'bin' / 'synapse-hooks'
        script.write_text(_SCRIPT.format(python=environment.python), encoding='utf-8')
        script.chmod(0o755)
        self.install(environment, *distributions)
        return environment

    def install(self, environment: Environment, *distributions: str | Path) -> None:
        """Install distributions into an environment with pip, as their users would."""
        if distributions:
            wheels = [self.wheel(name) for name in distributions]
            _pip('--python', environment.python, 'install', '--no-index', '--no-deps', *wheels)

    def wheel(self, distribution: str | Path) -> Path:
        """The wheel of a distribution, built once; those of tests/dists are built all together."""
        source = DISTS / distribution
        together = source.parent == DISTS
        out = self.root / 'wheels' / ('' if together else source.name)
        sources = sorted(file.parent for file in DISTS.glob('*/pyproject.toml')) if together else [source]
        with FileLock(self.root / 'wheels.lock'):
            if not (out / '.built').exists():
                _pip('wheel', '--no-build-isolation', '--no-deps', '--no-index', '--wheel-dir', out, *sources)
                (out / '.built').touch()
        (wheel,) = out.glob(f'{source.name.replace("-", "_")}-*.whl')
        return wheel


def with_distribution(name: str, requirements: Sequence[str], root: Path, shared: Path) -> Environment:
    """The environment at `root` with what pip gets from the index, and the wheel of a distribution of contrib.

    The test is skipped where pip cannot install them.

    Args:
        name: The distribution.
        requirements: What it needs. Other ones than at the last time make the environment anew.
        root: Where the environment is; it may be kept for later sessions.
        shared: A folder that the test processes of this session share.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    environment, installed = Environment(root), root / 'installed'
    with FileLock(root.with_name(f'{root.name}.lock')):
        environments = Environments(shared)
        if not installed.exists() or installed.read_text() != str(requirements):
            shutil.rmtree(root, ignore_errors=True)
            environment = environments.fresh(root)
            _pip_or_skip(environment, '--retries', '1', *requirements)
            installed.write_text(str(requirements))
        installed_now = shared / f'{name}.installed'
        if not installed_now.exists():
            wheel = environments.wheel(CONTRIB / name)
            _pip_or_skip(environment, '--no-index', '--no-deps', '--force-reinstall', str(wheel))
            installed_now.touch()
    return environment


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the processes of pytest share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base


def _pip_or_skip(environment: Environment, *words: str) -> None:
    pip = (sys.executable, '-m', 'pip', '--disable-pip-version-check', '--python', str(environment.python))
    command = [*pip, 'install', '--quiet', *words]
    done = subprocess.run(command, capture_output=True, encoding='utf-8', stdin=subprocess.DEVNULL)
    if done.returncode:
        pytest.skip(f'pip: {(done.stderr.strip() or "it gave no reason").splitlines()[-1]}')


def _pip(*words: str | Path) -> None:
    done = subprocess.run([*_PIP, *map(str, words)], capture_output=True, encoding='utf-8', check=False)
    assert done.returncode == 0, f'pip {" ".join(map(str, words))}\n{done.stdout}{done.stderr}'


def _visible() -> Sequence[str]:
    """The folders that an environment shall see: installed packages, and wherever this synapse_hooks is."""
    ours = Path(synapse_hooks.__file__).parent.parent
    packages = [path for path in sys.path if Path(path).name in ('site-packages', 'dist-packages')]
    return list(dict.fromkeys([*packages, str(ours)]))
