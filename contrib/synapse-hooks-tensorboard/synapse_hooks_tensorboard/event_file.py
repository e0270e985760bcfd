"""Event files of TensorBoard: records that are written at once, in a new file for each process.

A record is the length of the data (8 bytes), its checksum, the data, and its checksum, as in
`tensorboard/summary/writer/record_writer.py`. A record that a killed process has written by half ends its file, and
readers continue with the next one.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.errors import SinkUnavailable
from synapse_hooks.storage import open_regular

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

_HEADER: Final = struct.Struct('<QI')
_CHECKSUM: Final = struct.Struct('<I')
_REMEMBERED: Final = 20_000
"""Events that are recognised when they come again: many more than are delivered at once."""
_LARGEST_RECORD: Final = 1 << 30


class EventFile:
    """Writes the events of a folder. A file is created with the first event.

    Args:
        folder: The folder; TensorBoard shows it as a run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None
        self._size = 0
        self._order: deque[Any] = deque()
        self._known: set[Any] = set()
        for path in sorted(folder.glob('*tfevents*'))[-3:]:
            for data in last_records(path, _REMEMBERED):
                self._remember(_key(_parsed(data)))

    def new(self, events: Iterable[Event]) -> list[Event]:
        """Those of the events that are not in the folder yet."""
        return [event for event in events if _key(event) not in self._known]

    def write(self, events: list[Event]) -> None:
        """Write events that are new; afterwards they are in the file, whatever happens to this process.

        Raises:
            SinkUnavailable: They could not be written, because the disk is full, for example. Nothing was written then.
        """
        if not events:
            return
        try:
            if self._file is None:
                self._open()
            self._append(b''.join(record(event.SerializeToString()) for event in events))
        except OSError as error:
            raise SinkUnavailable(f'{self.folder} cannot be written: {error}') from error
        for event in events:
            self._remember(_key(event))

    def close(self) -> None:
        """Close the file. The next event begins another one."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self.folder.mkdir(parents=True, exist_ok=True)
        # Files are read in the order of their names.
        times = [int(name) for path in self.folder.glob('*tfevents*') if (name := _time_of(path)).isdigit()]
        now = max([int(time.time()), *(other + 1 for other in times)])
        name = f'events.out.tfevents.{now:010d}.{socket.gethostname()}.{os.getpid()}'
        self._file = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._size = 0
        version = Event(wall_time=time.time(), file_version='brain.Event:2')
        self._append(record(version.SerializeToString()))

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            # Readers stop at half a record.
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
            raise
        self._size += len(data)

    def _remember(self, key: Any) -> None:
        if key in self._known:
            return
        if len(self._order) == _REMEMBERED:
            self._known.discard(self._order.popleft())
        self._order.append(key)
        self._known.add(key)


def record(data: bytes) -> bytes:
    """The record that holds some data.

    Example:
        >>> len(record(b'abc'))
        19
    """
    length = struct.pack('<Q', len(data))
    return length + _CHECKSUM.pack(_checksum(length)) + data + _CHECKSUM.pack(_checksum(data))


def last_records(path: Path, count: int) -> Iterator[bytes]:
    """The data of the last records of a file; what is incomplete at its end is left out."""
    places: deque[tuple[int, int]] = deque(maxlen=count)
    with os.fdopen(open_regular(path), 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        place = 0
        while place + _HEADER.size <= size:
            file.seek(place)
            length, _ = _HEADER.unpack(file.read(_HEADER.size))
            end = place + _HEADER.size + length + _CHECKSUM.size
            if end > size or length > _LARGEST_RECORD:
                break
            places.append((place + _HEADER.size, length))
            place = end
        for start, length in places:
            file.seek(start)
            yield file.read(length)


def _checksum(data: bytes) -> int:
    import google_crc32c

    value = int(google_crc32c.value(data))
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _parsed(data: bytes) -> Event:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    try:
        return Event.FromString(data)
    except DecodeError:
        # Damaged by a disk: it is none of those that are delivered again.
        return Event()


def _key(event: Event) -> Any:
    """What an event is recognised by: when it was recorded, and what it is about."""
    first = event.summary.value[0].tag if event.summary.value else ''
    return event.wall_time, event.step, first, event.session_log.status


def _time_of(path: Path) -> str:
    return path.name.partition('tfevents.')[2].partition('.')[0]
