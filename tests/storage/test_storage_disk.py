"""A full or protected disk ends with a sentence that names the file and the way out."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from synapse_hooks.errors import DiskFull, StorageError
from synapse_hooks.storage import disk_errors
from synapse_hooks.storage.disk import disk_bytes


@pytest.mark.parametrize(('number', 'words'), [(28, 'no space'), (122, 'quota'), (27, 'larger than the limit')])
def test_full(number: int, words: str) -> None:
    with pytest.raises(DiskFull, match=words) as caught, disk_errors('out/model.pt'):
        raise OSError(number, 'whatever')
    assert caught.value.path == 'out/model.pt'
    assert 'run the same command again' in caught.value.hint
    assert isinstance(caught.value.__cause__, OSError)


def test_protected_names_the_file_that_the_system_named() -> None:
    with pytest.raises(StorageError, match=r'cannot use /srv/x: permission denied') as caught, disk_errors('out'):
        raise PermissionError(13, 'Permission denied', '/srv/x')
    assert not isinstance(caught.value, DiskFull)


def test_every_other_error_passes() -> None:
    with pytest.raises(FileNotFoundError), disk_errors('out'):
        raise FileNotFoundError(2, 'No such file')


def test_a_device_that_is_really_full(full: Path) -> None:
    with pytest.raises(DiskFull, match=str(full)), disk_errors(full), open(full, 'wb', 0) as file:
        file.write(b'x')


LIMITED = """
import resource, sys
from pathlib import Path
from synapse_hooks.errors import DiskFull
from synapse_hooks.storage import link_or_copy, pack, staging, unpack, write_atomic
root = Path(sys.argv[1])
big = b'x' * 100_000
(root / 'source').mkdir()
(root / 'source' / 'big').write_bytes(big)
pack(root / 'source', root / 'big.zip')
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
def in_staging():
    with staging(root / 'staged') as folder:
        (folder / 'big').write_bytes(big)
for work in (
    lambda: write_atomic(root / 'written', big),
    lambda: link_or_copy(root / 'source' / 'big', root / 'copied', mode='copy'),
    lambda: pack(root / 'source', root / 'packed.zip'),
    lambda: unpack(root / 'big.zip', root / 'unpacked'),
    in_staging,
):
    try:
        work()
    except DiskFull as error:
        print(error.problem)
"""


def test_files_that_may_not_grow_leave_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, '-c', LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert len(said) == 5, done
    assert all('the file is larger than the limit' in line for line in said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['big.zip', 'source']


def test_the_size_of_a_disk_is_known_before_the_folder_is_there(tmp_path: Path) -> None:
    assert disk_bytes(tmp_path / 'not' / 'there') == shutil.disk_usage(tmp_path).total
    assert disk_bytes(Path('not/there')) == shutil.disk_usage('.').total
