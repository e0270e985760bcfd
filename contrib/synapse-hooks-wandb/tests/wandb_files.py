"""Reads `.wandb` files: records of wandb's own protocol in the log format of LevelDB.

A file begins with 7 bytes of its own; then come blocks of 32 KiB, with parts of records: checksum, length, type, data.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK = 32768
HEADER = struct.Struct('<IHB')
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(file: Path) -> Iterator[Record]:
    """The records of a file, up to where it was being written."""
    data, place, parts = file.read_bytes(), 7, b''
    assert data.startswith(b':W&B')
    while place + HEADER.size <= len(data):
        if BLOCK - place % BLOCK < HEADER.size:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(data, place)
        if kind not in (FULL, FIRST, MIDDLE, LAST) or place + HEADER.size + length > len(data):
            return
        part = data[place + HEADER.size : place + HEADER.size + length]
        place += HEADER.size + length
        parts = part if kind in (FULL, FIRST) else parts + part
        if kind in (FULL, LAST):
            yield Record.FromString(parts)


def content(folder: Path) -> dict[str, Any]:
    """What the files below a folder have, in the order in which they were begun."""
    found: dict[str, Any] = {
        'ids': [],
        'rows': [],
        'config': {},
        'exits': [],
        'summary': {},
        'artifacts': [],
        'axes': {},
    }
    for file in sorted(folder.rglob('*.wandb'), key=lambda path: path.stat().st_mtime_ns):
        for record in records(file):
            if record.HasField('run'):
                found['ids'].append(record.run.run_id)
                config = record.run.config
            elif record.HasField('config'):
                config = record.config
            else:
                config = None
            for item in config.update if config else ():
                found['config'][item.key or '.'.join(item.nested_key)] = json.loads(item.value_json)
            if record.HasField('history'):
                row = {
                    item.key or '/'.join(item.nested_key): json.loads(item.value_json) for item in record.history.item
                }
                found['rows'].append(row | {'_step': record.history.step.num})
            if record.HasField('summary'):
                for item in record.summary.update:
                    found['summary'][item.key or '.'.join(item.nested_key)] = json.loads(item.value_json)
            if record.HasField('metric'):
                found['axes'][record.metric.name] = record.metric.step_metric
            if record.HasField('exit'):
                found['exits'].append(record.exit.exit_code)
            if record.HasField('artifact'):
                found['artifacts'].append([record.artifact.type, record.artifact.name])
    return found


if __name__ == '__main__':
    print(json.dumps(content(Path(sys.argv[1]))))
