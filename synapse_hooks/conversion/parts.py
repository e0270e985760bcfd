"""Tasks that can be run again, for executors that repeat what a lost process or node was doing.

A lost node may only be out of reach and still be at work, and what it wrote may be incomplete. So each run of a task
writes into a new folder beside the dataset. Results name the folders that are complete, and only these become part of
the dataset.
"""

# A Path for each of a million files costs more than moving them.
# ruff: noqa: PTH100, PTH102, PTH104, PTH108
from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from synapse_hooks.conversion.contract import WriteResult
from synapse_hooks.conversion.executors import Report
from synapse_hooks.conversion.shards import FinalizeShard, ShardResult, ShardTasks, WriteShards
from synapse_hooks.conversion.validation import duplicate_id
from synapse_hooks.data import DatasetInfo, LossReport
from synapse_hooks.errors import StorageError
from synapse_hooks.storage import scratch

_THREADS: Final = 16
"""On a disk of the network a file is moved in a millisecond, most of which is waiting."""


@dataclass
class WritePart:
    """`WriteShards` in a new folder."""

    write: WriteShards
    parts: Path
    """The folder in which these are."""

    def __call__(self, report: Report) -> tuple[ShardResult, Path]:
        """Do it, and return the folder too.

        Raises:
            StorageError: This machine does not see the folder of the dataset.
        """
        run = self.parts / f'{self.write.number}-{secrets.token_hex(8)}'
        folder = run / 'files'
        try:
            run.mkdir()
        except FileNotFoundError as error:
            where = os.path.abspath(self.write.target.out.parent)
            raise StorageError(
                f'{where} of {socket.gethostname()} is not the folder into which the dataset is converted',
                hint='convert into a folder on a disk that all nodes have under the same path',
                path=where,
            ) from error
        folder.mkdir()
        return replace(self.write, target=replace(self.write.target, out=folder))(report), folder


@dataclass
class FinalizePart:
    """`FinalizeShard` in the folder of a part. Where another run has begun that, the part is written again before."""

    part: WritePart
    folder: Path
    """Where the part was written."""
    plan: Any
    info: DatasetInfo
    """Complete."""
    results: Sequence[WriteResult]

    def __call__(self, report: Report) -> tuple[LossReport, Path]:
        """Do it, and return the folder that is complete."""
        folder, write = self.folder, self.part.write
        try:
            (folder.parent / 'finalizing').mkdir()
        except FileExistsError:
            _, folder = self.part(lambda count: None)
        target = replace(write.target, out=folder)
        return FinalizeShard(target, self.plan, self.info, write.number, self.results)(report), folder


class PartTasks(ShardTasks):
    """The tasks of a conversion whose executor may run them again."""

    def __enter__(self) -> PartTasks:
        self._stack = ExitStack()
        self._stack.callback(super().__exit__)
        parts = self._stack.enter_context(scratch(self.tasks[0].target.out))
        self._parts = [WritePart(task, parts) for task in self.tasks]
        self._folders: list[Path] = []
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def write(self, report: Report) -> list[ShardResult]:
        """See `ShardTasks.write`."""
        written = self._run(self._parts, report)
        self._folders = [folder for _, folder in written]
        return [result for result, _ in written]

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> list[LossReport]:
        """See `ShardTasks.finalize`.

        Raises:
            WrongAnswer: Two parts have a file of the same name: two samples have the same id.
        """
        finalizing = [
            FinalizePart(part, folder, plan, info, results)
            for part, folder in zip(self._parts, self._folders, strict=True)
        ]
        finalized = self._run(finalizing, lambda count: None)
        folders = [str(folder) for _, folder in finalized]
        with ThreadPoolExecutor(min(len(folders), _THREADS)) as threads:
            list(threads.map(partial(_move, target=str(self.tasks[0].target.out)), folders))
        return [report for report, _ in finalized]


def _move(source: str, target: str) -> None:
    """Move what is in a folder into another one, which may have some of its folders already."""
    with os.scandir(source) as entries:
        for entry in entries:
            final = f'{target}/{entry.name}'
            if entry.is_dir(follow_symlinks=False):
                with suppress(FileExistsError):
                    os.mkdir(final)
                _move(entry.path, final)
            else:
                _move_file(entry.path, final)


def _move_file(source: str, final: str) -> None:
    try:
        # A rename would take the place of a file.
        os.link(source, final, follow_symlinks=False)
    except FileExistsError as error:
        raise duplicate_id(Path(final).stem, f': {final} exists') from error
    except OSError:
        # Some disks have no hard links.
        if os.path.lexists(final):
            raise
        os.rename(source, final)
    else:
        os.unlink(source)
