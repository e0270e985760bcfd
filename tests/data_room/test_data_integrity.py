"""Where an image file is said to be whole and its size certain, Pillow verifies it and finds that size."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.data.integrity import BAD_CHUNK, CUT_OFF, NO_END, examine

XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.fixture
def originals() -> list[bytes]:
    pillow = pytest.importorskip('PIL.Image')
    image = pillow.effect_noise((40, 24), 60).convert('RGB')
    found = []

    def save(kind: str, image: Any = image, **how: Any) -> None:
        out = io.BytesIO()
        image.save(out, kind, **how)
        found.append(out.getvalue())

    for orientation in (1, 3, 6, 8):
        exif = pillow.Exif()
        exif[274], exif[271], exif[305] = orientation, 'Acme', 'x' * 50
        save('JPEG', exif=exif)
        save('PNG', exif=exif)
    save('JPEG', xmp=XMP)
    save('JPEG', progressive=True, comment=b'hello')
    for mode in ('L', 'P', '1'):
        save('PNG', image.convert(mode))
    save('JPEG', image.convert('CMYK'), icc_profile=b'abc' * 100)
    save('MPO', save_all=True, append_images=[image])
    return found


def size_of(file: Path) -> tuple[int, int]:
    """As ultralytics finds it.

    Raises:
        Exception: Pillow does not take the file.
    """
    from PIL import Image

    image = Image.open(file)
    image.verify()
    turned = False
    # A PNG without EXIF would be read on, and is closed.
    with suppress(Exception):
        turned = image.getexif().get(274) in (5, 6, 7, 8)
    width, height = image.size
    return (height, width) if turned else (width, height)


def test_what_is_certain_is_what_pillow_finds(originals: list[bytes], tmp_path: Path) -> None:
    warnings.simplefilter('ignore')
    dice, file, certain = random.Random(5), tmp_path / 'image', 0
    for number in range(1500):
        data = bytearray(originals[number % len(originals)])
        for _ in range(0 if number < len(originals) else dice.choice((1, 1, 2))):
            place = dice.randrange(min(len(data), 700))
            data[place] = dice.choice((0, 255, data[place] ^ 1, dice.randrange(256)))
        file.write_bytes(data)
        (seen,) = examine([str(file)])
        assert seen is not None
        if seen.certain:
            certain += 1
            assert size_of(file) == (seen.width, seen.height), number
    assert certain > 500


def test_a_png_with_a_chunk_that_has_no_name_is_not_certain(originals: list[bytes], tmp_path: Path) -> None:
    png, file = originals[1], tmp_path / 'image'
    for kind, certain in ((b'abCd', True), (b'a\0Cd', False), (b'a-Cd', False)):
        chunk = struct.pack('>I', 0) + kind + struct.pack('>I', zlib.crc32(kind))
        file.write_bytes(png[:-12] + chunk + png[-12:])
        (seen,) = examine([str(file)])
        assert seen is not None
        assert seen.certain == certain
        if certain:
            assert size_of(file) == (seen.width, seen.height)


def test_damage_is_named(originals: list[bytes], tmp_path: Path) -> None:
    jpeg, png = originals[0], originals[1]
    damaged = bytearray(png)
    damaged[-30] ^= 1
    files = []
    for name, data in (('a', jpeg[:-2]), ('b', bytes(damaged)), ('c', png[:-40]), ('d', jpeg), ('e', png), ('f', b'')):
        (tmp_path / name).write_bytes(data)
        files.append(str(tmp_path / name))
    seen = [one for one in examine(files) if one is not None]
    assert [one.fault for one in seen] == [CUT_OFF, BAD_CHUNK, NO_END, '', '', '']
    assert [one.certain for one in seen] == [False, False, False, True, True, False]
    assert list(examine([str(tmp_path / 'none')])) == [None]
