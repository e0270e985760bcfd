"""Whatever is published appears whole or not at all, and what the dead leave behind goes away."""

# What is tested is what becomes of a block that raises after some work.
# ruff: noqa: PT012
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

import pytest

from synapse_hooks.errors import DiskFull, StorageError
from synapse_hooks.storage import publish, scratch, staging, sweep, write_atomic
from synapse_hooks.storage.ownership import is_abandoned, is_dead, is_temporary, owner, temporary_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def dead_owner() -> str:
    """What a process that is over called itself."""
    code = 'from synapse_hooks.storage import owner; print(owner())'
    return subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True).stdout.strip()


class Interrupts:
    """Raises KeyboardInterrupt before a line of the package, as Ctrl-C does, counting the lines from 1."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __call__(self, frame: FrameType, event: str, arg: object) -> 'Interrupts | None':
        if 'synapse_hooks/storage' not in frame.f_code.co_filename:
            return None
        if event == 'line':
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


def test_ctrl_c_while_a_folder_is_made_leaves_nothing(tmp_path: Path) -> None:
    before = sys.gettrace()
    for line in range(1, 500):
        try:
            sys.settrace(Interrupts(line))
            with staging(tmp_path / 'yolo'):
                sys.settrace(before)
                break
        except KeyboardInterrupt:
            # The traceback keeps what was in the middle, so it is left first.
            pass
        finally:
            sys.settrace(before)
        assert names(tmp_path) == []
    assert line > 10


def test_write_atomic_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    file = tmp_path / 'deep' / 'run.json'
    write_atomic(file, 'old')
    write_atomic(file, b'new \xc3\xa9')
    assert file.read_text(encoding='utf-8') == 'new é'
    assert names(file.parent) == ['run.json']


def test_write_atomic_takes_the_place_of_files_only(tmp_path: Path) -> None:
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    for taken in (pipe, tmp_path):
        with pytest.raises(StorageError, match='is not a regular file'):
            write_atomic(taken, 'new')
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ['pipe']


def test_readers_of_write_atomic_never_see_a_part(tmp_path: Path) -> None:
    file = tmp_path / 'run.json'
    contents = [letter * 200_000 for letter in 'ab']
    write_atomic(file, contents[0])
    over = threading.Event()

    def write() -> None:
        for turn in range(30):
            write_atomic(file, contents[turn % 2])
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not over.is_set():
        assert file.read_text() in contents
    writer.join()


def test_write_atomic_keeps_the_old_content_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / 'run.json'
    write_atomic(file, 'old')

    def full(handle: int) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(DiskFull, match=r'run\.json: no space is left') as caught:
        write_atomic(file, 'new')
    assert isinstance(caught.value.__cause__, OSError)
    assert file.read_text() == 'old'
    assert names(tmp_path) == ['run.json']


def test_staging_publishes_when_the_block_ends_and_not_before(tmp_path: Path) -> None:
    final = tmp_path / 'out' / 'yolo'
    with staging(final) as folder:
        assert folder.parent == final.parent
        assert list(folder.iterdir()) == []
        (folder / 'dataset.yaml').write_text('names: []')
        assert not final.exists()
    assert names(final) == ['dataset.yaml']
    assert names(final.parent) == ['yolo']


def test_staging_removes_everything_when_the_block_raises(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), staging(tmp_path / 'yolo') as folder:
        (folder / 'half').write_text('x')
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_staging_turns_a_full_disk_in_the_block_into_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match=r'/dev/full: no space') as caught, staging(tmp_path / 'yolo') as folder:
        (folder / 'half').write_text('x')
        error = OSError(28, 'No space left on device', '/dev/full')
        raise error
    assert 'run the same command again' in str(caught.value)
    assert names(tmp_path) == []


def test_staging_takes_the_place_of_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / 'yolo').mkdir()
    with staging(tmp_path / 'yolo') as folder:
        (folder / 'a').write_text('x')
    assert names(tmp_path / 'yolo') == ['a']


@pytest.mark.parametrize('taken', ['folder', 'file'])
def test_staging_refuses_what_is_taken_before_any_work(tmp_path: Path, taken: str) -> None:
    final = tmp_path / 'yolo'
    if taken == 'folder':
        final.mkdir()
        (final / 'mine').write_text('x')
    else:
        final.write_text('x')
    with pytest.raises(StorageError, match='yolo') as caught, staging(final):
        pytest.fail('the block must not run')
    assert caught.value.hint
    assert names(tmp_path) == ['yolo']


def test_staging_refuses_what_was_taken_meanwhile(tmp_path: Path) -> None:
    final = tmp_path / 'yolo'
    with pytest.raises(StorageError, match='not empty'), staging(final) as folder:
        (folder / 'ours').write_text('x')
        final.mkdir()
        (final / 'theirs').write_text('x')
    assert names(final) == ['theirs']
    assert names(tmp_path) == ['yolo']


@pytest.mark.parametrize('exchange', [True, False])
def test_replace_leaves_the_new_one_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool) -> None:
    if not exchange:
        monkeypatch.setattr('synapse_hooks.storage.publishing.exchange', lambda one, other: False)
    final = tmp_path / 'yolo'
    for turn in 'ab':
        with staging(final, replace=True, durable=True) as folder:
            (folder / turn).write_text(turn)
    assert names(final) == ['b']
    assert names(tmp_path) == ['yolo']


def test_replace_keeps_the_old_one_when_the_block_raises(tmp_path: Path) -> None:
    final = tmp_path / 'yolo'
    with staging(final) as folder:
        (folder / 'old').write_text('x')
    with pytest.raises(ValueError, match='item 7'), staging(final, replace=True):
        raise ValueError('item 7')
    assert names(final) == ['old']


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / 'big-disk').mkdir()
    (tmp_path / 'out').symlink_to(tmp_path / 'big-disk')
    with staging(tmp_path / 'out') as folder:
        (folder / 'a').write_text('x')
    assert (tmp_path / 'out').is_symlink()
    assert names(tmp_path / 'big-disk') == ['a']


def test_scratch_is_removed_unless_published(tmp_path: Path) -> None:
    with scratch(tmp_path / 'one') as folder:
        (folder / 'a').write_text('x')
    with scratch(tmp_path / 'two') as folder:
        (folder / 'a').write_text('x')
        publish(folder, tmp_path / 'two')
    assert names(tmp_path) == ['two']


def test_durable_syncs_the_files_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(handle: int) -> None:
        order.append('folder' if stat.S_ISDIR(os.fstat(handle).st_mode) else 'file')
        real_fsync(handle)

    def rename(self: Path, target: Path) -> Path:
        order.append('rename')
        return real_rename(self, target)

    monkeypatch.setattr(os, 'fsync', fsync)
    monkeypatch.setattr(Path, 'rename', rename)
    with staging(tmp_path / 'model', durable=True) as folder:
        (folder / 'best.pt').write_text('x')
    assert order == ['file', 'folder', 'rename', 'folder']


def test_sweep_removes_what_the_dead_left_and_nothing_else(tmp_path: Path) -> None:
    dead = dead_owner()
    for kind in 'ab':
        (tmp_path / f'.{kind}.staging-{dead}-0000000{kind}').mkdir()
    (tmp_path / f'.run.json.staging-{dead}-00000001').write_text('half')
    (tmp_path / '.hidden').write_text('mine')
    (tmp_path / 'data').mkdir()
    alive = temporary_path(tmp_path / 'yolo')
    alive.mkdir()
    assert len(sweep(tmp_path)) == 3
    assert names(tmp_path) == sorted(['.hidden', alive.name, 'data'])
    assert sweep(tmp_path / 'absent') == []


def test_a_reused_process_number_is_not_the_same_process() -> None:
    scope, pid, start = owner().split('-')
    assert not is_dead(owner(), since=0)
    assert is_dead(f'{scope}-{pid}-{int(start) - 1}', since=0)


def test_a_process_elsewhere_is_left_alone_for_a_week(tmp_path: Path) -> None:
    _, pid, start = owner().split('-')
    folder = tmp_path / f'.yolo.staging-ffffffff-{pid}-{start}-00000000'
    folder.mkdir()
    assert sweep(tmp_path) == []
    eight_days_ago = folder.stat().st_mtime - 8 * 86400
    os.utime(folder, (eight_days_ago, eight_days_ago))
    assert sweep(tmp_path) == [folder]


def test_names_of_unfinished_work_are_unique_and_fit_any_disk(tmp_path: Path) -> None:
    long = tmp_path / ('ж' * 120)
    made = {temporary_path(long).name for _ in range(50)}
    assert len(made) == 50
    assert all(is_temporary(name) and len(name.encode()) < 255 for name in made)
    assert not is_temporary('yolo.staging-1')
    assert not is_abandoned(tmp_path / 'yolo')


KILLED = """
import os, signal, sys
from pathlib import Path
from synapse_hooks.storage import staging
count, limit = 0, int(sys.argv[2])
def hook(event, args):
    global count
    if event in ('open', 'os.mkdir', 'os.rename', 'os.remove', 'os.rmdir', 'shutil.rmtree'):
        count += 1
        if count == limit:
            os.kill(os.getpid(), signal.SIGKILL)
final = Path(sys.argv[1])
sys.addaudithook(hook)
with staging(final, replace=True) as folder:
    for name in 'abc':
        (folder / name).write_text('new')
"""


def test_killed_at_every_event_there_is_the_old_or_the_new(tmp_path: Path) -> None:
    seen = set()
    for limit in range(1, 40):
        final = tmp_path / str(limit) / 'yolo'
        with staging(final) as folder:
            (folder / 'old').write_text('old')
        done = subprocess.run([sys.executable, '-c', KILLED, str(final), str(limit)])
        content = names(final)
        assert content in (['old'], ['a', 'b', 'c'])
        seen.add(tuple(content))
        sweep(final.parent)
        assert names(final.parent) == ['yolo']
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    else:
        pytest.fail('it never ran to its end')
    assert len(seen) == 2


@pytest.mark.parametrize('swap', [True, False])
def test_a_file_is_replaced_without_waiting_for_the_disk(
    swap: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not swap:
        monkeypatch.setattr('synapse_hooks.storage.publishing.exchange', lambda one, other: False)
    for text in (b'one', b'two'):
        write_atomic(tmp_path / 'sub' / 'file', text, durable=False)
        assert (tmp_path / 'sub' / 'file').read_bytes() == text
    assert [path.name for path in (tmp_path / 'sub').iterdir()] == ['file']
