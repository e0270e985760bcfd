"""A run directory at a URL: for a driver and workers that share no disk.

Below the URL are the files of the run directory, and `index.json`: the name, size and time of each. A file appears
complete, the record `run.json` after all others of the moment that it describes, and the index last; so what is there
at any time can be resumed. What the index names, and nothing else, belongs to the run. Journals are in segments: see
`synapse_hooks_ray.segments`.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from synapse_hooks.errors import StorageError
from synapse_hooks.journal.record import RECORD
from synapse_hooks.journal.run_directory import LOCK_FILES
from synapse_hooks.storage import TABLE_LIMIT, publish, read_file, scratch
from synapse_hooks.storage.ownership import is_temporary
from synapse_hooks_ray.segments import JOURNAL, grown, journal_of, journals, read_segment, segment_name

INDEX: Final = 'index.json'
_STAGING: Final = '.staging'
_THREADS: Final = 8
_ATTEMPTS: Final = 5
"""To read a journal, while another process may put its segments together."""


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
            except (FileNotFoundError, ValueError):
                return ''
        return str(record.get('status')) if isinstance(record, dict) else ''

    def sizes(self) -> dict[str, int]:
        """The bytes that each file of the journal has there, by its name."""
        with self._errors():
            return {name: sum(sizes) for name, sizes in journals(_sizes(self._index())).items()}

    def push(self, folder: Path) -> int:
        """Send what has changed in a run directory since the last time; returns how many files that were."""
        with self._lock, self._errors():
            if self._sent is None:
                self._sent = self._index()
            # First, so that no file which it names is missing there.
            record = read_file(folder / RECORD, limit=TABLE_LIMIT)
            now = dict(_entries(folder, self._sent))
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
            plain = {name: entry for name, entry in entries.items() if journal_of(name) is None}
            for parent in {Path(staged, name).parent for name in plain}:
                parent.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(lambda item: self._get(staged, *item), plain.items()))
            entries = plain | self._get_journals(staged, entries)
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
            journals(_sizes(entries))
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
        if (segment := journal_of(name)) is not None:
            self._write(name, read_segment(folder / segment[0], segment[1], entry.size))
            return True
        source, target = folder / name, self._at(name)
        self._make_folder(target.rpartition('/')[0])
        # Elsewhere than in the output of a stage at work, files are replaced and appended to, but never written into.
        direct = not self._is_local and not name.startswith(f'{_STAGING}/')
        part = target if direct else f'{target}.part'
        try:
            self._fs.put_file(str(source), part)
            whole = direct or _entry(source) == entry
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

    def _get_journals(self, folder: Path, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        """Read the journals that an index names, or a later one; returns the entries of their segments."""
        for left in reversed(range(_ATTEMPTS)):
            segments = {name: entry for name, entry in entries.items() if journal_of(name) is not None}
            try:
                for name in journals(_sizes(segments)):
                    self._get_journal(folder / name, name, segments)
                return segments
            except FileNotFoundError:
                # It was taken in by another one, which a later index names.
                if not left:
                    raise
                entries = self._index()
        raise AssertionError

    def _get_journal(self, target: Path, name: str, segments: Mapping[str, Entry]) -> None:
        start = mtime = 0
        with target.open('wb') as file:
            for size in journals(_sizes(segments))[name]:
                segment = segment_name(name, start)
                data = self._fs.cat_file(self._at(segment))[:size]
                if len(data) < size:
                    raise StorageError(f'{self.url}/{segment} is damaged: it has {len(data)} of {size} bytes')
                file.write(data)
                start, mtime = start + size, segments[segment].mtime_ns
        os.utime(target, ns=(mtime, mtime))

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


def _entries(folder: Path, sent: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """What a run directory is to be stored as: its files, and the segments of its journals."""
    stored = journals(_sizes(sent))
    for name, entry in _files(folder):
        if not JOURNAL.fullmatch(name):
            yield name, entry
            continue
        start = 0
        for size in grown(folder / name, stored.get(name, ())):
            segment = segment_name(name, start)
            known = sent.get(segment)
            yield segment, known if known is not None and known.size == size else Entry(size, entry.mtime_ns)
            start += size


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


def _sizes(entries: Mapping[str, Entry]) -> dict[str, int]:
    return {name: entry.size for name, entry in entries.items()}


def _entry(file: Path) -> Entry:
    stat = file.stat()
    return Entry(stat.st_size, stat.st_mtime_ns)
