"""A run directory at a URL: for a driver and workers that share no disk.

Below the URL are the files of the run directory, and `index.json`: the name, size and time of each. A file appears
complete, the record `run.json` after all others of the moment that it describes, and the index last; so what is there
at any time can be resumed. What the index names, and nothing else, belongs to the run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from synapse_hooks.errors import StorageError
from synapse_hooks.journal.record import RECORD
from synapse_hooks.journal.run_directory import LOCK_FILES
from synapse_hooks.storage import TABLE_LIMIT, publish, read_file, scratch
from synapse_hooks.storage.ownership import is_temporary

INDEX: Final = 'index.json'
_JOURNAL: Final = re.compile(r'events(-\d+-\d+)?\.jsonl')
_STAGING: Final = '.staging'
_THREADS: Final = 8


class Entry(NamedTuple):
    """A file of a run directory."""

    size: int
    mtime_ns: int


class Store:
    """Where the directory of one run is kept.

    Args:
        url: Any URL that fsspec supports: `s3://bucket/runs`, `file:///mnt/runs`.
        name: The name of the run's folder below it.

    Raises:
        StorageError: There is no such storage, or the library for it is missing.
    """

    def __init__(self, url: str, name: str) -> None:
        import fsspec  # type: ignore[import-untyped]

        self.url = f'{url.rstrip("/")}/{name}'
        try:
            self._fs, self._root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise StorageError(
                f'--storage {url}: {error}', hint='install what it names, or give another URL', url=url
            ) from error
        self._is_local = 'file' in ([self._fs.protocol] if isinstance(self._fs.protocol, str) else self._fs.protocol)
        self._sent: dict[str, Entry] | None = None
        self._folders: set[str] = set()
        self._lock = threading.Lock()

    def has_run(self) -> bool:
        """Whether a run directory is there."""
        with self._errors():
            return bool(self._fs.exists(self._at(INDEX)))

    def status(self) -> str:
        """The status of the run there, from its record; empty where there is none."""
        with self._errors():
            try:
                record = json.loads(self._fs.cat_file(self._at(RECORD)))
            except FileNotFoundError:
                return ''
            except ValueError:
                return ''
        return str(record.get('status')) if isinstance(record, dict) else ''

    def sizes(self) -> dict[str, int]:
        """The bytes that each file of the journal has there, by its name."""
        with self._errors():
            return {name: entry.size for name, entry in self._index().items() if _JOURNAL.fullmatch(name)}

    def push(self, folder: Path) -> int:
        """Send what has changed in a run directory since the last time; returns how many files that were."""
        with self._lock, self._errors():
            if self._sent is None:
                self._sent = self._index()
            # First, so that no file which it names is missing there.
            record = read_file(folder / RECORD, limit=TABLE_LIMIT)
            now = dict(_files(folder))
            kept = {name: entry for name, entry in self._sent.items() if now.get(name) == entry}
            changed = {name: entry for name, entry in now.items() if name not in kept and name != RECORD}
            with ThreadPoolExecutor(_THREADS) as threads:
                sent = list(threads.map(lambda item: self._put(folder, *item), changed.items()))
            kept.update((name, entry) for (name, entry), whole in zip(changed.items(), sent, strict=True) if whole)
            self._write(RECORD, record)
            kept[RECORD] = Entry(len(record), (folder / RECORD).stat().st_mtime_ns)
            self._write(INDEX, json.dumps(kept).encode())
            for name in self._sent.keys() - now.keys():
                with suppress(FileNotFoundError):
                    self._fs.rm_file(self._at(name))
            self._sent = kept
            return sum(sent)

    def fetch(self, folder: Path) -> None:
        """Make `folder` the run directory that is there, by one rename.

        What is in it and not there is kept, but for unfinished work.

        Raises:
            StorageError: It cannot be read, or the index names a file outside of the run directory.
        """
        with self._errors(), scratch(folder) as staged:
            entries = self._index()
            for parent in {Path(staged, name).parent for name in entries}:
                parent.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(lambda item: self._get(staged, *item), entries.items()))
            if folder.is_dir():
                for name, _ in _files(folder):
                    target = staged / name
                    if not target.exists() and not name.startswith(f'{_STAGING}/'):
                        target.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copy2(folder / name, target)
            publish(staged, folder, replace=True)
            with self._lock:
                self._sent = entries

    def remove(self) -> None:
        """Remove the run directory there."""
        with self._errors(), suppress(FileNotFoundError):
            self._fs.rm(self._root, recursive=True)

    def _index(self) -> dict[str, Entry]:
        try:
            content = json.loads(self._fs.cat_file(self._at(INDEX)))
            entries = {str(name): Entry(int(size), int(mtime)) for name, (size, mtime) in content.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise StorageError(f'{self.url}/{INDEX} is damaged: {error}', hint='remove that folder') from error
        for name in entries:
            path = PurePosixPath(name)
            if not name or path.is_absolute() or '..' in path.parts or '\0' in name or path.as_posix() != name:
                raise StorageError(
                    f'{self.url}/{INDEX} names a file outside of the run directory: {name!r}',
                    hint='remove that folder, and start the run again',
                )
        return entries

    def _put(self, folder: Path, name: str, entry: Entry) -> bool:
        """Send a file; False where it was changed or removed meanwhile, so that it is not whole there."""
        source, target = folder / name, self._at(name)
        self._make_folder(target.rpartition('/')[0])
        # Elsewhere than in the output of a stage at work, files are replaced and appended to, but never written into.
        direct = not self._is_local and not name.startswith(f'{_STAGING}/')
        part = target if direct else f'{target}.part'
        try:
            self._fs.put_file(str(source), part)
            whole = direct or _entry(source) == entry or bool(_JOURNAL.fullmatch(name))
        except FileNotFoundError:
            whole = False
        if not direct:
            if whole:
                self._fs.mv(part, target)
            else:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(part)
        return whole

    def _write(self, name: str, data: bytes) -> None:
        target = self._at(name)
        self._make_folder(target.rpartition('/')[0])
        part = f'{target}.part' if self._is_local else target
        self._fs.pipe_file(part, data)
        if self._is_local:
            self._fs.mv(part, target)

    def _get(self, folder: Path, name: str, entry: Entry) -> None:
        target = folder / name
        try:
            self._fs.get_file(self._at(name), str(target))
        except FileNotFoundError:
            # It was removed after the index was written: the stage that was at work has ended.
            return
        if target.stat().st_size == entry.size:
            # A stage is finished as long as the times of its files are the same.
            os.utime(target, ns=(entry.mtime_ns, entry.mtime_ns))

    def _at(self, name: str) -> str:
        return f'{self._root}/{name}'

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            self._fs.makedirs(folder, exist_ok=True)
            self._folders.add(folder)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except Exception as error:  # each library of fsspec has errors of its own
            raise StorageError(
                f'{self.url} cannot be used: {error}', hint='check the URL, and its credentials', url=self.url
            ) from error


class Keeper:
    """Sends a run directory to its store when a stage or a checkpoint is done, and at intervals, until it is closed.

    A storage that fails meanwhile does not end the run: it is tried again; `close` raises.

    Args:
        store: Where to.
        folder: The run directory.
        seconds: The interval.
        warn: Called with a sentence when sending fails.
    """

    def __init__(self, store: Store, folder: Path, seconds: float, warn: Callable[[str], None]) -> None:
        from synapse_hooks.journal.follow import Follower

        self._store, self._folder, self._seconds, self._warn = store, folder, seconds, warn
        self._follower = Follower(folder, ('step', 'checkpoint'))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name='keeper', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send the rest.

        Raises:
            StorageError: The storage fails.
        """
        self._closing.set()
        self._thread.join()
        self._store.push(self._folder)

    def _keep(self) -> None:
        waited, step = 0.0, 0.5
        while not self._closing.wait(step):
            waited += step
            if _has_milestone(self._follower.read()) or waited >= self._seconds:
                waited = 0.0
                try:
                    self._store.push(self._folder)
                except (StorageError, OSError) as error:
                    self._warn(f'the run directory could not be sent, and will be sent later: {error}')


def _has_milestone(events: Iterable[dict[str, Any]]) -> bool:
    return any(event['type'] == 'checkpoint' or event.get('status') == 'succeeded' for event in events)


def _files(folder: Path) -> Iterator[tuple[str, Entry]]:
    """The files of a run directory by their names in it. Folders that are links lead to what several runs use."""
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_temporary(name)]
        for name in names:
            file = Path(top, name)
            relative = file.relative_to(folder).as_posix()
            if relative in LOCK_FILES or is_temporary(name) or not file.is_file():
                continue
            with suppress(FileNotFoundError):
                yield relative, _entry(file)


def _entry(file: Path) -> Entry:
    stat = file.stat()
    return Entry(stat.st_size, stat.st_mtime_ns)
