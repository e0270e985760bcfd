"""Archives that come from anybody."""

import gzip
import io
import struct
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from synapse_hooks.errors import ArchiveRefused, StorageError
from synapse_hooks.storage import Limits, archive_kind, pack, tree_digest, unpack

Entry = tuple[str, bytes]
Maker = Callable[..., Path]


def make_zip(path: Path, *entries: Entry, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, 'w', method) as file:
        for name, content in entries:
            info = zipfile.ZipInfo('placeholder')
            info.filename = name
            info.compress_type = method
            info.external_attr = 0o100644 << 16
            file.writestr(info, content)
    return path


def make_tar(path: Path, *entries: Entry, mode: str = 'w:gz') -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def special(path: Path, **fields: object) -> Path:
    """A tar with one member that is not a file."""
    with tarfile.open(path, 'w') as file:
        info = tarfile.TarInfo('member')
        for name, value in fields.items():
            setattr(info, name, value)
        file.addfile(info)
    return path


def assert_refused(archive: Path, out: Path, match: str, limits: Limits | None = None) -> ArchiveRefused:
    with pytest.raises(ArchiveRefused, match=match) as caught:
        unpack(archive, out, limits=limits)
    assert str(archive) in caught.value.problem
    assert 'nothing was unpacked' in caught.value.problem
    assert not out.exists()
    assert not [path for path in out.parent.iterdir() if 'staging' in path.name]
    return caught.value


@pytest.fixture(params=['zip', 'tar.gz', 'tar'])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Maker:
    file = tmp_path / f'model.{request.param}'
    if request.param == 'zip':
        return lambda *entries: make_zip(file, *entries)
    return lambda *entries: make_tar(file, *entries, mode='w:gz' if request.param == 'tar.gz' else 'w')


def test_unpacks(make: Maker, tmp_path: Path) -> None:
    archive = make(('best.pt', b'weights' * 1000), ('./deep/er/ünï.txt', b''), ('deep/x', b'x'))
    assert unpack(archive, tmp_path / 'out') == tmp_path / 'out'
    found = {path.relative_to(tmp_path / 'out').as_posix() for path in (tmp_path / 'out').rglob('*') if path.is_file()}
    assert found == {'best.pt', 'deep/er/ünï.txt', 'deep/x'}
    assert (tmp_path / 'out/best.pt').read_bytes() == b'weights' * 1000
    with pytest.raises(StorageError, match='not empty'):
        unpack(archive, tmp_path / 'out')


@pytest.mark.parametrize(
    ('name', 'rule'),
    [
        ('../out', 'leads outside'),
        ('a/../../out', 'leads outside'),
        ('a/..', 'leads outside'),
        ('/etc/passwd', 'absolute'),
        ('C:/x', 'absolute'),
        ('c:x', 'absolute'),
        ('a\\b', 'backslash'),
        ('..\\out', 'backslash'),
        ('a/' * 40 + 'x', 'deeper than 32'),
        ('x' * 256, 'longer than 255'),
    ],
)
def test_names_that_lead_elsewhere_are_refused(make: Maker, tmp_path: Path, name: str, rule: str) -> None:
    error = assert_refused(make(('fine', b'x'), (name, b'x')), tmp_path / 'out', rule)
    assert name.startswith(error.member[:80])
    assert error.member


def test_a_nul_in_a_name_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / 'a.zip', ('best.ptX.exe', b'x'))
    archive.write_bytes(archive.read_bytes().replace(b'ptX.exe', b'pt\0.exe'))
    assert_refused(archive, tmp_path / 'out', 'NUL')


@pytest.mark.parametrize(
    ('first', 'second', 'rule'),
    [
        ('a', 'a', 'there twice'),
        ('A.jpg', 'a.jpg', 'collides'),
        ('é', unicodedata.normalize('NFD', 'é'), 'collides'),
        ('Dir/x', 'dir/y', 'collides'),
        ('a', 'a/b', 'collides'),
        ('a/b', 'a', 'collides'),
        ('straße', 'STRASSE', 'collides'),
    ],
)
@pytest.mark.filterwarnings('ignore:Duplicate name')
def test_members_that_meet_are_refused(make: Maker, tmp_path: Path, first: str, second: str, rule: str) -> None:
    assert_refused(make((first, b'1'), (second, b'2')), tmp_path / 'out', rule)


@pytest.mark.parametrize(
    'fields',
    [
        {'type': tarfile.SYMTYPE, 'linkname': '/etc/passwd'},
        {'type': tarfile.SYMTYPE, 'linkname': 'fine'},
        {'type': tarfile.LNKTYPE, 'linkname': 'fine'},
        {'type': tarfile.CHRTYPE, 'devmajor': 1},
        {'type': tarfile.BLKTYPE},
        {'type': tarfile.FIFOTYPE},
        {'type': tarfile.CONTTYPE},
    ],
)
def test_tar_members_that_are_no_files_are_refused(tmp_path: Path, fields: dict[str, object]) -> None:
    assert_refused(special(tmp_path / 'a.tar', **fields), tmp_path / 'out', 'a link, a device')


@pytest.mark.parametrize('mode', [0o120777, 0o060644, 0o010644])
def test_zip_members_that_are_no_files_are_refused(tmp_path: Path, mode: int) -> None:
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as file:
        info = zipfile.ZipInfo('member')
        info.external_attr = mode << 16
        file.writestr(info, '/etc/passwd')
    assert_refused(tmp_path / 'a.zip', tmp_path / 'out', 'a link or a device')


def test_limits(make: Maker, tmp_path: Path) -> None:
    archive = make(('a', b'x' * 600), ('b', b'y' * 600))
    out = tmp_path / 'out'
    assert_refused(archive, out, "member 'a' is larger than 500", Limits(file_bytes=500))
    assert_refused(archive, out, "member 'b' makes the whole larger than 1000", Limits(total_bytes=1000))
    assert_refused(archive, out, 'more than 1 members', Limits(entries=1))
    unpack(archive, out, limits=Limits(total_bytes=1200, file_bytes=600, entries=2))


def test_a_bomb_is_stopped_while_it_goes_off(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / 'bomb.zip', ('zeros', bytes(120 << 20)))
    assert archive.stat().st_size < 200_000
    assert_refused(archive, tmp_path / 'out', '200 times the size')


def test_a_size_that_lies_is_found_out(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / 'a.zip', ('a', b'x' * 100), method=zipfile.ZIP_STORED)
    content = archive.read_bytes()
    archive.write_bytes(content.replace(struct.pack('<II', 100, 100), struct.pack('<II', 100, 1_000_000)))
    assert_refused(archive, tmp_path / 'out', 'cut off|damaged')


def test_a_header_of_an_absurd_size_is_not_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo('pax')
    info.type = tarfile.XHDTYPE
    info.size = 4 << 30
    with gzip.open(tmp_path / 'a.tar.gz', 'wb') as file:
        file.write(info.tobuf(tarfile.PAX_FORMAT) + bytes(1 << 20))
    assert_refused(tmp_path / 'a.tar.gz', tmp_path / 'out', 'absurd size')


def test_headers_without_end(tmp_path: Path) -> None:
    info = tarfile.TarInfo('long')
    info.type = tarfile.GNUTYPE_LONGNAME
    info.size = 5
    (tmp_path / 'a.tar').write_bytes((info.tobuf(tarfile.GNU_FORMAT) + b'x'.ljust(512, b'\0')) * 3000)
    assert_refused(tmp_path / 'a.tar', tmp_path / 'out', 'nested too deep|damaged')


@pytest.mark.parametrize('cut', [0.3, 0.9])
def test_damage(make: Maker, tmp_path: Path, cut: float) -> None:
    import random

    archive = make(('a', random.Random(1).randbytes(50_000)), ('b', random.Random(2).randbytes(50_000)))
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * cut)])
    assert_refused(archive, tmp_path / 'out', 'damaged|cut off|neither')


def test_a_wrong_checksum(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / 'a.zip', ('a', b'x' * 1000), method=zipfile.ZIP_STORED)
    content = bytearray(archive.read_bytes())
    content[500] ^= 1
    archive.write_bytes(content)
    assert_refused(archive, tmp_path / 'out', 'damaged: Bad CRC')


def test_encrypted_and_exotic_compression_are_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / 'a.zip', ('a', b'x'))
    content = bytearray(archive.read_bytes())
    content[content.index(b'PK\x01\x02') + 8] |= 1
    archive.write_bytes(content)
    assert_refused(archive, tmp_path / 'out', 'encrypted')
    assert_refused(make_zip(tmp_path / 'b.zip', ('a', b'x'), method=zipfile.ZIP_LZMA), tmp_path / 'out', 'not deflate')


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / 'model.zip').write_text('<html>please log in</html>')
    assert_refused(tmp_path / 'model.zip', tmp_path / 'out', 'neither a zip nor a tar')


@pytest.mark.parametrize('compress', [True, False])
def test_packing_equal_folders_gives_equal_bytes(tmp_path: Path, compress: bool) -> None:
    archives = []
    for number, order in enumerate(('abc', 'cba')):
        folder = tmp_path / f'tree{number}'
        (folder / 'deep').mkdir(parents=True)
        for name in order:
            (folder / 'deep' / name).write_text(name * 100)
        (folder / 'ünï').touch(mode=0o600)
        archives.append(pack(folder, tmp_path / f'{number}.zip', compress=compress))
    assert archives[0].read_bytes() == archives[1].read_bytes()
    unpack(archives[0], tmp_path / 'out')
    assert tree_digest(tmp_path / 'out') == tree_digest(tmp_path / 'tree0')


def test_kinds(tmp_path: Path) -> None:
    assert archive_kind(make_zip(tmp_path / 'a')) == 'zip'
    assert archive_kind(make_tar(tmp_path / 'b', ('x', b''))) == 'tar'
    assert archive_kind(make_tar(tmp_path / 'c', ('x', b''), mode='w')) == 'tar'
    (tmp_path / 'd').write_bytes(b'')
    assert archive_kind(tmp_path / 'd') is None
