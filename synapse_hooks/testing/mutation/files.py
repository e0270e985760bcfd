"""Mutations of the files of a dataset: removed, moved, replaced by a pipe, link or folder, renamed, or made huge."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from random import Random

OUTSIDE = 'outside.json'
"""A file beside the dataset that some links point to. Only images may be outside of a dataset."""

_HUGE = 1 << 40
_NAMES = (
    'x', ' ', '-', '--help', 'a\nb', 'a\x1b[31mb', 'a\tb', 'b:c', 'a*b?', "it's", '"', 'train', 'valid', 'CON',
    '.hidden', 'a.b.c', 'trailing.', 'trailing ', 'ü', 'u\u0308', '\U0001f600', '\u202egnp', 'n' * 200, '~', '%41',
    'a\\b', 'labels', 'images', 'a#b', '[x]', '{x}', '$HOME', '\udcff\udcfe',
)  # fmt: skip


def change_place(folder: Path, file: Path, random: Random) -> str:
    """Change one file of a dataset."""
    match random.randrange(9):
        case 0:
            file.unlink()
            return 'is missing'
        case 1 | 2:
            return _replaced(folder, file, random)
        case 3:
            target = file.with_name(random.choice(_NAMES) + (file.suffix if random.randrange(4) else ''))
            return _moved(file, target)
        case 4:
            return _moved(
                file,
                file.with_name(random.choice((file.stem, file.name.upper(), file.name + '.txt', f'{file.stem}.JPG'))),
            )
        case 5:
            target = folder.joinpath(*random.choice(((), ('train',), ('x', 'y'), ('d' * 100,) * 8)), file.name)
            return _moved(file, target)
        case 6:
            copied = file.with_name(random.choice(_NAMES) + file.suffix)
            return _moved(file, copied, keep=True)
        case 7:
            # A sparse file, which needs no space on the disk.
            os.truncate(_emptied(file), _HUGE)
            return 'is 1 TB large'
        case _:
            _emptied(file)
            return 'is empty'


def _emptied(file: Path) -> Path:
    file.unlink()
    file.write_bytes(b'')
    return file


def change_folder(root: Path, folder: Path, random: Random) -> str:
    """Change one folder of a dataset."""
    name = folder.relative_to(root).as_posix()
    match random.randrange(6):
        case 0 if folder != root:
            shutil.rmtree(folder)
            return f'{name}/: is missing'
        case 1 if folder != root:
            shutil.rmtree(folder)
            return f'{name}/: {_put(root, folder, random)}'
        case 2 if folder != root:
            return f'{name}/: {_moved(folder, folder.with_name(random.choice(_NAMES)))}'
        case 3:
            # It may exist from another change of the same dataset.
            folder.joinpath('loop').unlink(missing_ok=True)
            folder.joinpath('loop').symlink_to(folder, target_is_directory=True)
            return f'{name}/: has a link to itself'
        case 4:
            deep = folder.joinpath(*['d' * 50] * 40)
            deep.mkdir(parents=True, exist_ok=True)
            return f'{name}/: has 40 folders in one another'
        case _:
            file = folder / (
                random.choice(_NAMES) + random.choice(('.json', '.xml', '.txt', '.png', '.yaml', '.csv', ''))
            )
            return (
                f'{name}/: has a {file.name[:40]!r}'
                if file.exists()
                else f'{name}/{file.name[:40]!r}: {_put(root, file, random)}'
            )


def _replaced(root: Path, file: Path, random: Random) -> str:
    file.unlink()
    return _put(root, file, random)


def _put(root: Path, file: Path, random: Random) -> str:
    """Create something else at the path of a file that does not exist."""
    match random.randrange(9):
        case 0:
            file.mkdir()
            return 'is a folder'
        case 1:
            os.mkfifo(file)
            return 'is a pipe'
        case 2:
            file.symlink_to('nowhere')
            return 'is a link to nowhere'
        case 3:
            file.symlink_to(file.name)
            return 'is a link to itself'
        case 4:
            file.symlink_to('/dev/zero')
            return 'is a link to /dev/zero'
        case 5:
            file.symlink_to(root.parent / OUTSIDE)
            return 'is a link out of the dataset'
        case 6:
            file.symlink_to(root, target_is_directory=True)
            return 'is a link to the dataset'
        case 7:
            with socket.socket(socket.AF_UNIX) as opened:
                try:
                    opened.bind(str(file))
                except OSError:
                    # A socket's path must be short.
                    file.mkdir()
                    return 'is a folder'
            return 'is a socket'
        case _:
            file.write_bytes(
                random.choice((b'', b'{}', b'[]', b'[1]', b'null', b'\0', b'<a/>', b'x', b'0 0.5 0.5 0.1 0.1\n'))
            )
            return 'has something else in it'


def _moved(file: Path, target: Path, *, keep: bool = False) -> str:
    name = os.fsencode(target.name).decode(errors='backslashreplace')
    if os.path.lexists(target):
        return f'stays, as there is a {name[:40]!r}'
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if keep and file.is_file():
            os.link(file, target)
        else:
            file.rename(target)
    except OSError as error:
        return f'stays: {error.strerror}'
    return f'is {"also " if keep else ""}called {name[:40]!r}'
