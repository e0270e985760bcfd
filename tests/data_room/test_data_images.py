"""Sizes come from headers alone, as displayed."""

from __future__ import annotations

import io
import pickle
from contextlib import suppress
from pathlib import Path

import pytest

from synapse_hooks.data import image_size, probe, probe_many, read_header
from synapse_hooks.errors import UnreadableItem

Image = pytest.importorskip('PIL.Image')


def save(
    path: Path, kind: str, size: tuple[int, int] = (37, 23), orientation: int | None = None, **more: object
) -> Path:
    image = Image.new('RGB', size)
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        more['exif'] = exif
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'BMP', 'GIF', 'WEBP', 'TIFF'])
def test_the_header_of_every_kind_tells_the_size(tmp_path: Path, kind: str) -> None:
    header = read_header(save(tmp_path / 'x', kind))
    assert (header.kind, header.width, header.height) == (kind.lower(), 37, 23)


@pytest.mark.parametrize('more', [{'lossless': True}, {'lossless': False}, {'exif': b'Exif\0\0II*\0\x08\0\0\0\0\0'}])
def test_every_kind_of_webp(tmp_path: Path, more: dict[str, object]) -> None:
    assert image_size(save(tmp_path / 'x.webp', 'WEBP', **more)) == (37, 23)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'TIFF'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_an_image_that_lies_on_its_side_is_as_wide_as_it_is_displayed(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    expected = (23, 37) if orientation >= 5 else (37, 23)
    assert image_size(save(tmp_path / 'x', kind, orientation=orientation)) == expected


def test_a_progressive_jpeg_and_a_large_profile_before_the_size(tmp_path: Path) -> None:
    path = save(tmp_path / 'x.jpg', 'JPEG', progressive=True, icc_profile=bytes(200_000), comment=b'c' * 60_000)
    assert image_size(path) == (37, 23)


def test_nonsense_in_exif_is_no_reason_to_lose_an_image(tmp_path: Path) -> None:
    path = save(tmp_path / 'x.jpg', 'JPEG', exif=b'Exif\0\0II*\0\xff\xff\xff\xff')
    assert image_size(path) == (37, 23)


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (b'', 'is empty (0 bytes)'),
        (b'hello', 'is not a JPEG, PNG'),
        (b'\xff\xd8\xff\xe0\0\x10JFIF', 'is damaged'),
        (b'\xff\xd8\xff\xda\0\x10', 'is damaged'),
        (b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR' + bytes(12), 'its size is 0 x 0'),
        (b'\x89PNG\r\n\x1a\n', 'is damaged'),
        (b'RIFF0000WEBPVP9 ' + bytes(20), 'is damaged'),
        (b'II*\0\x08\0\0\0\0\0', 'is damaged'),
    ],
)
def test_a_corrupt_image_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / 'broken.jpg'
    path.write_bytes(content)
    with pytest.raises(UnreadableItem, match=r'broken\.jpg') as caught:
        image_size(path)
    assert said in caught.value.problem
    assert pickle.loads(pickle.dumps(caught.value)).path == str(path)


def test_every_cut_of_a_file_is_an_error_or_a_size_never_anything_else(tmp_path: Path) -> None:
    for kind in ('JPEG', 'PNG', 'WEBP', 'TIFF', 'GIF', 'BMP'):
        whole = save(tmp_path / 'whole', kind, orientation=6 if kind in ('JPEG', 'WEBP', 'TIFF') else None).read_bytes()
        for length in range(0, min(len(whole), 300), 11):
            (tmp_path / 'cut').write_bytes(whole[:length])
            with suppress(UnreadableItem):
                assert set(image_size(tmp_path / 'cut')) == {37, 23}


def test_a_missing_image(tmp_path: Path) -> None:
    with pytest.raises(UnreadableItem, match=r'gone\.jpg is missing'):
        image_size(tmp_path / 'gone.jpg')


def test_many_at_once_are_measured_as_one_by_one(tmp_path: Path) -> None:
    kinds: list[dict[str, object]] = [
        {},
        {'comment': b'one'},
        {'comment': b'two'},
        {'comment': b'longer'},
        {'progressive': True},
        {'quality': 5},
        {'icc_profile': bytes(100)},
        {'icc_profile': bytes(5000)},
        {'orientation': 6},
    ]
    files = []
    for number in range(200):
        # Neighbours have the same segments, then others, then the same again.
        more = dict(kinds[(number // 3) % len(kinds)])
        size = (16 + number, 300 - number)
        files.append(save(tmp_path / f'{number}.jpg', 'JPEG', size, **more))  # type: ignore[arg-type]
        if number % 7 == 0:
            files.append(save(tmp_path / f'{number}.png', 'PNG', size))
    expected = [image_size(file) for file in files]
    cut = tmp_path / 'cut.jpg'
    cut.write_bytes(files[0].read_bytes()[:100])
    gone = tmp_path / 'gone.jpg'
    found = list(probe_many([str(file) for one in files for file in (one, cut, gone)]))
    assert found[1::3] == found[2::3] == [None] * len(files)
    quick = [one and one[:2] for one in found[::3]]
    assert [size for size in quick if size] == [size for size, one in zip(expected, quick, strict=True) if one]
    # Those with EXIF or a large profile need a closer look.
    assert sum(one is None for one in quick) < len(files) / 3
    assert [probe(str(file))[:2] for file in files] == expected


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    'content',
    [
        b'\xff\xd8' + b'\xff' * (8 << 20),
        b'\xff\xd8' + b'\xff\xd0' * (4 << 20),
        b'\x89PNG\r\n\x1a\n' + bytes(12 << 20),
        b'RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x08' + bytes(12 << 20),
    ],
    ids=['one marker', 'many markers', 'empty chunks', 'empty chunks of WebP'],
)
def test_a_header_without_end_is_not_read_to_the_end(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'x').write_bytes(content)
    with suppress(UnreadableItem):
        assert image_size(tmp_path / 'x') == (1, 1)
