"""Images that are the same are found by reading as little as tells them apart."""

import os
import random
from collections import defaultdict
from pathlib import Path

import pytest

from synapse_hooks.insight.duplicate_images import DuplicateImages

END = 1 << 15
SIZES = (0, 1, 2 * END - 1, 2 * END, 2 * END + 1, 3 * END, 40 * END)


def groups(folder: Path) -> list[list[tuple[str, str]]]:
    images = DuplicateImages()
    for number, file in enumerate(sorted(folder.iterdir())):
        images.add(str(file), 'ab'[number % 2])
    return list(images.groups())


def compared_whole(folder: Path) -> list[list[tuple[str, str]]]:
    found = defaultdict(list)
    for number, file in enumerate(sorted(folder.iterdir())):
        found[file.read_bytes()].append(('ab'[number % 2], str(file)))
    return [group for group in found.values() if len(group) > 1]


@pytest.mark.parametrize('size', SIZES)
def test_one_byte_anywhere_makes_another_image(tmp_path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    places = sorted({0, END - 1, END, size // 2, size - END - 1, size - END, size - 1} & set(range(size)))
    for number, place in enumerate(places):
        other = bytearray(content)
        other[place] ^= 1
        (tmp_path / f'other{number}').write_bytes(other)
    for name in ('a', 'b', 'c'):
        (tmp_path / name).write_bytes(content)
    (same,) = groups(tmp_path)
    assert [Path(file).name for _, file in same] == ['a', 'b', 'c']


def test_it_finds_what_comparing_every_byte_finds(tmp_path: Path) -> None:
    chance = random.Random(7)
    seeds = [chance.randbytes(size) for size in (*SIZES, 100, 100, 8000, 70_000)]
    for number in range(150):
        content = bytearray(chance.choice(seeds))
        if content and chance.random() < 0.4:
            content[chance.choice([0, len(content) // 2, -1])] ^= chance.choice([1, 2])
        (tmp_path / f'{number:03}').write_bytes(content)
        if chance.random() < 0.1:
            os.link(tmp_path / f'{number:03}', tmp_path / f'{number:03}-linked')
    assert groups(tmp_path) == compared_whole(tmp_path)
    assert len(compared_whole(tmp_path)) > 10


def test_large_images_that_differ_at_their_ends_are_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in 'abc':
        with (tmp_path / name).open('wb') as file:
            file.truncate(1 << 30)
            file.seek(-1, os.SEEK_END)
            file.write(name.encode())
    monkeypatch.setattr(os, 'read', lambda *args: pytest.fail('read whole'))
    assert groups(tmp_path) == []


def test_what_is_gone_by_then_is_like_no_other(tmp_path: Path) -> None:
    images = DuplicateImages()
    for name in 'abcd':
        (tmp_path / name).write_text('x')
        images.add(str(tmp_path / name), '')
    (tmp_path / 'a').unlink()
    (tmp_path / 'c').unlink()
    assert [[Path(file).name for _, file in group] for group in images.groups()] == [['b', 'd']]
