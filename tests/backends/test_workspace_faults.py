"""Killed processes, full disks, several processes at once, files that are not ours: the workspace stays whole."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.errors import BackendError
from synapse_hooks.storage import tree_digest

EVENTS = frozenset({'execute', 'open', 'mkdir', 'rename', 'link', 'unlink', 'rmdir', 'fsync'})


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Do the work in a child, which kills itself before or after the `number`-th call that the disk could notice."""
    child = os.fork()
    if child == 0:
        count = 0

        def count_calls(frame: object, event: str, called: Any) -> None:
            nonlocal count
            if event in ('c_call', 'c_return') and called.__name__ in EVENTS:
                count += 1
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count_calls)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def assert_whole(workspace: Workspace, *, swept: bool = False) -> None:
    """Every record has its files, and after a sweep nothing else is there."""
    for records, folder in ((workspace.list_datasets(), 'datasets'), (workspace.list_models(), 'models')):
        for record in records:
            assert tree_digest(Path(record['path'])) == record['digest']
        if swept and (workspace.root / folder).exists():
            unfinished = workspace.root / folder / '.unfinished'
            there = sorted(path.name for path in (workspace.root / folder).iterdir() if path != unfinished)
            assert there == sorted(str(record['id']) for record in records)
            assert not unfinished.exists() or not any(unfinished.iterdir())
    if swept:
        known = {'workspace.sqlite', 'workspace.sqlite-wal', 'workspace.sqlite-shm', 'datasets', 'models'}
        assert {path.name for path in workspace.root.iterdir()} <= known
        with sqlite3.connect(workspace.root / 'workspace.sqlite') as connection:
            assert connection.execute('PRAGMA integrity_check').fetchone() == ('ok',)
            assert connection.execute('SELECT count(*) FROM records WHERE owner IS NOT NULL').fetchone() == (0,)


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a kill says nothing about what the disk forgets, so syncs may be cheap."""
    if not os.access('/dev/shm', os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir='/dev/shm') as folder:
        yield Path(folder)


@pytest.mark.parametrize(('what', 'fresh'), [('dataset', True), ('model', False)])
@pytest.mark.filterwarnings('ignore:This process .* is multi-threaded')
def test_killed_anywhere(fast: Path, dm: Path, weights: Path, what: str, fresh: bool) -> None:
    def work(workspace: Workspace) -> dict[str, Any]:
        if what == 'dataset':
            return workspace.add_dataset(dm, name='letters')
        return dict(workspace.create_model(weights, name='digits', key='run:upload'))

    before_and_after = set()
    for number in range(1, 400):
        workspace = Workspace(fast / f'workspace-{number}')
        if not fresh:
            workspace.create_model(weights, name='older')
        killed = killed_at(number, lambda workspace=workspace: work(workspace))  # type: ignore[misc]
        assert_whole(workspace)
        done = [record['name'] for record in (*workspace.list_datasets(), *workspace.list_models())]
        before_and_after.add('letters' in done or 'digits' in done)
        again = work(workspace)
        assert again['id'] == (2 if what == 'model' and not fresh else 1)
        assert_whole(workspace, swept=True)
        shutil.rmtree(workspace.root)
        if not killed:
            break
    else:
        pytest.fail('it never ran to its end')
    assert number > 40
    assert before_and_after == {True, False}


def test_a_folder_that_no_reservation_names_is_never_touched(workspace: Workspace, weights: Path) -> None:
    """Somebody lost the records: the models are still there, and stay there."""
    workspace.create_model(weights, name='digits')
    (workspace.root / 'workspace.sqlite').unlink()
    assert workspace.create_model(weights, name='digits')['id'] == 2
    assert (workspace.root / 'models' / '1' / 'best.pt').read_bytes() == b'weights'


def test_an_error_while_publishing_leaves_nothing(
    workspace: Workspace, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr('synapse_hooks.backends.records.Records.complete', fail)
        with pytest.raises(KeyboardInterrupt):
            workspace.create_model(weights, name='digits')
    assert_whole(workspace, swept=True)
    assert workspace.create_model(weights, name='digits')['id'] == 1


TOGETHER = """
import sys
import tempfile
from pathlib import Path
from synapse_hooks.backends import Workspace
root, dm, weights, me = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
workspace = Workspace(root)
print('ready', flush=True)
sys.stdin.readline()
print(workspace.add_dataset(dm, name='letters')['id'])
print(workspace.create_model(weights, key='the same')['id'])
for turn in range(4):
    print(workspace.create_model(weights, name=f'{me}-{turn}')['id'])
    workspace.update_job(1, **{f'{me}-{turn}': turn})
"""


# With fewer, they seldom meet.
NAMES = 'abcdef'


def test_processes_at_once(workspace: Workspace, dm: Path, weights: Path) -> None:
    """From nothing: the same dataset is one, the same key is one model, and no change of the job is lost."""
    arguments = [sys.executable, '-c', TOGETHER, str(workspace.root), str(dm), str(weights)]
    children = [
        subprocess.Popen([*arguments, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in NAMES
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == 'ready\n'
    workspace.create_job()
    said = []
    for child in children:
        assert child.stdin is not None
        child.stdin.write('go\n')
        child.stdin.flush()
    for child in children:
        said.append(child.communicate(timeout=60)[0].split())
        assert child.returncode == 0
    # Which number it has depends on who came first.
    assert len({lines[0] for lines in said}) == 1
    assert len({lines[1] for lines in said}) == 1
    own = [number for lines in said for number in lines[2:]]
    assert len(own) == len(set(own)) == 4 * len(NAMES)
    job = workspace.get_job(1)
    assert all(job[f'{name}-{turn}'] == turn for name in NAMES for turn in range(4))
    workspace.init()
    assert len(workspace.list_datasets()) == 1
    assert len(workspace.list_models()) == 1 + 4 * len(NAMES)
    assert_whole(workspace, swept=True)


FULL = """
import json, sys
from pathlib import Path
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import SynapseHooksError
root, source, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
workspace = Workspace(root / 'workspace')
ballast = root / 'ballast'
ballast.write_bytes(bytes(int(sys.argv[4])))
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
error = None
try:
    workspace.create_model(source / 'small', name='small')
    workspace.create_model(source / 'big', name='big')
except SynapseHooksError as caught:
    error = [type(caught).__name__, str(caught)]
ballast.unlink()
names = [record['name'] for record in workspace.list_models()]
folders = (root / 'workspace').glob('models/[!.]*'), (root / 'workspace').glob('models/.unfinished/*')
there = sorted(path.name for found in folders for path in found)
print(json.dumps([error, names, there]))
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / 'source'
    folder.mkdir()
    (folder / 'small').write_bytes(b'x' * 1000)
    (folder / 'big').write_bytes(b'x' * 2_000_000)
    return folder


def test_a_file_that_may_not_grow(tmp_path: Path, models: Path) -> None:
    command = [sys.executable, '-c', FULL, str(tmp_path), str(models), '500000', '0']
    error, names, there = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert error[0] == 'DiskFull'
    assert 'the file is larger than the limit' in error[1]
    assert (names, there) == (['small'], ['1'])


@pytest.mark.parametrize('free', [1024, 128, 64, 32, 16])
def test_a_full_disk(tmp_path: Path, models: Path, free: int) -> None:
    """On a disk of its own: too small for the big model, for the small one too, for the tables."""
    mount = ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m none "$1" && shift && exec "$@"', 'sh']
    disk = tmp_path / 'disk'
    disk.mkdir()
    if not shutil.which('unshare') or subprocess.run([*mount, str(disk), 'true'], capture_output=True).returncode:
        pytest.skip('unshare cannot mount a small disk here')
    command = [*mount, str(disk), sys.executable, '-c', FULL, str(disk), str(models), '0', str((1024 - free) << 10)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    error, names, there = json.loads(done.stdout)
    assert error[0] == 'DiskFull', error
    assert 'no space is left' in error[1]
    assert (names, there) in ((['small'], ['1']), ([], []))
    assert names or free < 1024
    assert not names or free > 16


class TestForeignFiles:
    @pytest.mark.parametrize('content', [b'', b'not a database at all, but long enough' * 50])
    def test_a_file_that_is_no_database(self, workspace: Workspace, weights: Path, content: bytes) -> None:
        workspace.root.mkdir()
        (workspace.root / 'workspace.sqlite').write_bytes(content)
        for ask in (workspace.list_models, workspace.init, lambda: workspace.create_model(weights)):
            with pytest.raises(BackendError, match=r'workspace\.sqlite is not') as caught:
                ask()
            assert '--workspace' in caught.value.hint
        assert (workspace.root / 'workspace.sqlite').read_bytes() == content

    def test_a_database_of_somebody_else(self, workspace: Workspace) -> None:
        workspace.root.mkdir()
        with sqlite3.connect(workspace.root / 'workspace.sqlite') as connection:
            connection.execute('CREATE TABLE theirs (x)')
        with pytest.raises(BackendError, match='is not the file of a workspace'):
            workspace.create_job()

    def test_a_newer_version(self, workspace: Workspace) -> None:
        workspace.init()
        with sqlite3.connect(workspace.root / 'workspace.sqlite') as connection:
            connection.execute('PRAGMA user_version=99')
        with pytest.raises(BackendError, match='newer synapse-hooks') as caught:
            workspace.list_jobs()
        assert 'pip install -U synapse-hooks' in caught.value.hint

    def test_damage(self, workspace: Workspace) -> None:
        workspace.create_job()
        file = workspace.root / 'workspace.sqlite'
        content = bytearray(file.read_bytes())
        content[4096:] = b'\xff' * (len(content) - 4096)
        file.write_bytes(content)
        with pytest.raises(BackendError, match='is damaged') as caught:
            workspace.list_jobs()
        assert 'restore it' in caught.value.hint

    def test_a_file_where_the_folder_should_be(self, workspace: Workspace) -> None:
        workspace.root.write_text('x')
        for work in (workspace.create_job, workspace.list_models):
            with pytest.raises(BackendError, match='cannot be used as a workspace') as caught:
                work()
            assert 'SYNAPSE_WORKSPACE' in caught.value.hint

    def test_a_lock_that_nobody_lets_go(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr('synapse_hooks.backends.database._BUSY_SECONDS', 0.05)
        workspace.create_job()
        other = sqlite3.connect(workspace.root / 'workspace.sqlite', isolation_level=None)
        other.execute('BEGIN IMMEDIATE')
        with pytest.raises(BackendError, match='in use by another process'):
            workspace.update_job(1, status='RUNNING')
        assert workspace.get_job(1)['status'] == 'PENDING'
        other.close()


UNWRITABLE = """
import os, sys
from pathlib import Path
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import BackendError
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
for work in (lambda workspace: workspace.create_job(), lambda workspace: workspace.list_jobs()):
    for name in sys.argv[1:]:
        try:
            work(Workspace(Path(name)))
        except BackendError as error:
            print('refused', error.hint)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may enter; pytest keeps its own closed."""
    with tempfile.TemporaryDirectory(prefix='synapse-hooks-tests-') as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_that_may_not_be_written(open_folder: Path) -> None:
    read_only, closed = open_folder / 'read-only', open_folder / 'closed'
    for folder, mode in ((read_only, 0o555), (closed, 0o000)):
        folder.mkdir()
        folder.chmod(mode)
    command = [sys.executable, '-c', UNWRITABLE, str(read_only / 'w'), str(closed / 'w')]
    done = subprocess.run(command, capture_output=True, text=True)
    closed.chmod(0o700)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    # Nothing is there to list below the first; whether something is below the second, nobody may know.
    assert len(said) == 3, said
    assert all('--workspace' in line for line in said)
