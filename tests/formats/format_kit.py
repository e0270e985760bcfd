"""Formats under test: a hook caller of the built-in ones, images without an imaging library, and one way to convert."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pluggy

from synapse_hooks.context import Dataset, RuntimeContext, TrainContext
from synapse_hooks.conversion.contract import Projection, Source
from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import DatasetInfo, LossReport, Sample, Tolerance, Unreadable
from synapse_hooks.data.batch import Batch
from synapse_hooks.formats import BUILTIN, BaseFormat
from synapse_hooks.hookspecs import HookSpecs

SAMPLES = Path(__file__).parent.parent / 'data' / 'dm'


class Recorder:
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def record(self, type: str, payload: Any) -> None:
        self.events.append((type, json.loads(json.dumps(dict(payload)))))

    def of(self, type: str) -> list[dict[str, Any]]:
        return [payload for kind, payload in self.events if kind == type]


def builtin(name: str) -> BaseFormat:
    module, _, attribute = BUILTIN[name].partition(':')
    made: BaseFormat = getattr(import_module(module), attribute)()
    return made


def source_of(
    format: BaseFormat,
    root: Path,
    *,
    report: LossReport | None = None,
    unreadable: Tolerance = 'skip',
    projection: Projection = 'samples',
) -> Source:
    report = LossReport() if report is None else report
    context = ReadContext(root, projection, report=report, unreadable=Unreadable(unreadable, report))
    return format.source(root, context)


def info_of(format: BaseFormat, root: Path) -> DatasetInfo:
    return source_of(format, root).info


def read_all(
    format: BaseFormat, root: Path, *, unreadable: Tolerance = 'skip', projection: Projection = 'samples'
) -> tuple[list[Sample], LossReport]:
    """What a source gives, as it gives it."""
    report = LossReport()
    source = source_of(format, root, report=report, unreadable=unreadable, projection=projection)
    samples = [sample for shard in source.shards() for batch in source.read(shard) for sample in batch.rows()]
    return samples, report


def png(width: int, height: int) -> bytes:
    """Nobody here decodes it; but it is whole."""
    header = struct.pack('>4sII', b'IHDR', width, height) + b'\x08\x02\0\0\0'
    chunks = [
        struct.pack('>I', len(one) - 4) + one + struct.pack('>I', zlib.crc32(one)) for one in (header, b'IDAT', b'IEND')
    ]
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunks)


def box(x: float, y: float, w: float, h: float, label: str = 'car', id: str = 'b1', **more: Any) -> dict[str, Any]:
    return {'id': id, 'classification': label, 'attrs': [], 'data': [x, y, w, h], **more}


def polygon(points: list[list[float]], label: str = 'road', id: str = 'p1', **more: Any) -> dict[str, Any]:
    return {'id': id, 'classification': label, 'attrs': [], 'data': points, **more}


def add_item(
    root: Path, stem: str, entry: dict[str, Any] | None, *, size: tuple[int, int] = (100, 80), suffix: str = '.png'
) -> None:
    """A DM item: its document (none for `entry=None`) and its image."""
    if entry is not None:
        document = root / 'json' / f'{stem}.json'
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_text(json.dumps({'classification': {}, 'images': [entry]}, ensure_ascii=False))
    image = root / 'original_files' / f'{stem}{suffix}'
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(png(*size))


def write_dm(samples: Sequence[Sample], out: Path) -> None:
    """Write samples as a dataset in DM."""
    out.mkdir(parents=True, exist_ok=True)
    builtin('dm').sink(WriteContext(out, Options())).write(None, DatasetInfo(), 0, iter([Batch.of_samples(samples)]))


class Converter:
    """`converter(source, 'dm', 'yolo', **params)` converts into a folder of its own."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.recorder = Recorder()
        self.made = 0
        self.manager = pluggy.PluginManager('synapse_hooks')
        self.manager.add_hookspecs(HookSpecs)
        for name in BUILTIN:
            self.manager.register(builtin(name), name=name)

    def __call__(
        self,
        path: Path,
        source: str,
        target: str,
        *,
        strict: bool = False,
        settings: dict[str, Any] | None = None,
        dataset: dict[str, Any] | None = None,
        **params: Any,
    ) -> Dataset:
        self.made += 1
        self.recorder = Recorder()
        self.context = TrainContext(
            params=params,
            runtime_ctx=RuntimeContext(strict=strict),
            hooks=self.manager.hook,  # type: ignore[arg-type]
            recorder=self.recorder,
            output_dir=self.tmp_path / f'out{self.made}',
            settings=settings or {},
        )
        made: Dataset = self.manager.hook.convert(
            context=self.context, dataset={'path': path, 'format': source, **(dataset or {})}, target_format=target
        )
        return made

    @property
    def losses(self) -> dict[str, Any]:
        return self.recorder.of('losses')[-1]

    def reasons(self, fate: str) -> dict[tuple[str, str], int]:
        return {(loss['kind'], loss['reason']): loss['count'] for loss in self.losses[fate]}


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes; but for caches of ultralytics, which say where they are, and when."""
    files = [file for file in sorted(root.rglob('*')) if file.is_file() and file.suffix != '.cache']
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}
