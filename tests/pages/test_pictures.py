"""Pictures of images that are damaged, or that were made to do harm."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from synapse_hooks.pages.pictures import SIDE, data_uri


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png_of(width: int, height: int) -> bytes:
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return (
        b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(bytes(100))) + chunk(b'IEND', b'')
    )


def tiff(path: Path) -> bytes:
    Image.new('RGB', (40, 30)).save(path, 'TIFF')
    return path.read_bytes()


@pytest.mark.timeout(20)
@pytest.mark.parametrize('size', [(13_000, 13_000), (100_000, 100_000), (1, 2_000_000_000)])
def test_an_image_too_large_to_be_decoded_has_no_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / 'x.png').write_bytes(png_of(*size))
    assert data_uri(tmp_path / 'x.png') is None


def test_a_large_photograph_has_one(tmp_path: Path) -> None:
    Image.new('RGB', (6000, 5000), 'red').save(tmp_path / 'x.jpg')
    assert (data_uri(tmp_path / 'x.jpg') or '').startswith('data:image/jpeg')


@pytest.mark.parametrize('mode', ['L', 'RGB', 'RGBA', 'CMYK', 'P', '1', 'I', 'F', 'LA'])
def test_a_picture_is_small_whatever_its_colours_are(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (3000, 1500)).save(tmp_path / 'x.tif')
    uri = data_uri(tmp_path / 'x.tif')
    assert uri is not None
    assert len(uri) < SIDE * SIDE


@pytest.mark.timeout(20)
def test_whatever_a_decoder_raises_costs_its_picture(tmp_path: Path) -> None:
    # Each byte of the directory broken in turn: the decoder raises errors of many types.
    whole = tiff(tmp_path / 'whole')
    start = struct.unpack_from('<I', whole, 4)[0]
    for at in range(start, min(len(whole), start + 160)):
        (tmp_path / 'x.tif').write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        uri = data_uri(tmp_path / 'x.tif')
        assert uri is None or uri.startswith('data:image/jpeg')


@pytest.mark.timeout(10)
def test_a_pipe_in_place_of_an_image_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'x.png')
    assert data_uri(tmp_path / 'x.png') is None
