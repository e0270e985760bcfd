"""Reading and converting in a test, through the same hooks as in a run, with the loss report as a result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final

from synapse_hooks.context import Dataset, DatasetReader, RuntimeContext, TrainContext
from synapse_hooks.data import MEDIA, DatasetInfo, Sample, dataset
from synapse_hooks.formats import BUILTIN, BaseFormat, Format
from synapse_hooks.plugins import HookCalls, Settings, build
from synapse_hooks.steps import checked_dataset
from synapse_hooks.storage import relocate, staging
from synapse_hooks.testing.recording import Recording
from synapse_hooks.testing.samples import CLASSES

ITEM_KINDS: Final = frozenset((*MEDIA, 'file', 'folder'))
"""The kinds in a loss report that are not annotations, but items, and files that belong to none."""


@dataclass(frozen=True)
class Converted:
    """The result of a conversion."""

    dataset: Dataset
    """The dataset that was written."""
    losses: dict[str, Any]
    """The loss report: `written`, `converted`, `dropped`, `repaired`, `doubtful`, `attributes`, `unreadable`. See
    `LossReport.to_dict`."""
    recording: Recording
    """All events of the conversion."""

    @property
    def path(self) -> Path:
        """The dataset's folder."""
        return self.dataset['path']

    def lost(self, kind: str) -> int:
        """How many annotations of a kind were converted with a loss, or dropped."""
        entries = [*self.losses['converted'], *self.losses['dropped']]
        return sum(int(entry['count']) for entry in entries if entry['kind'] == kind)

    def accounted(self, kind: str) -> int:
        """How many annotations of a kind are in the report."""
        return int(self.losses['written'].get(kind, 0)) + self.lost(kind)

    def describe(self, kind: str) -> str:
        """The report on a kind, as text."""
        parts = [f'written {self.losses["written"].get(kind, 0)}']
        for fate in ('converted', 'dropped'):
            parts += [
                f'{fate} {entry["count"]}: {entry["reason"]} {entry["examples"]}'
                for entry in self.losses[fate]
                if entry['kind'] == kind
            ]
        return '; '.join(parts)


def convert_dataset(
    source: Dataset | Sequence[Sample],
    target_format: str,
    out: Path,
    *plugins: object,
    classes: Sequence[str] | None = CLASSES,
    strict: bool = False,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    calls: HookCalls | None = None,
    **params: Any,
) -> Converted:
    """Convert as the step `convert` does: write to a temporary folder, and publish it by one rename.

    Args:
        source: A dataset, or samples, which are converted as a dataset.
        target_format: The format to convert into.
        out: The folder to create.
        plugins: Formats and other plugins to use besides the built-in ones.
        classes: The classes that the dataset of samples declares; None declares none.
        strict: Refuse to lose annotations.
        settings: `[tool.synapse_hooks.settings]`: a table for each plugin.
        calls: Hooks of an earlier `hook_calls`; `plugins` are ignored then.
        **params: Parameters of the run: `splits`, `target_task`, ...

    Raises:
        SynapseHooksError: As a run would.

    Example:
        >>> from synapse_hooks.testing import small_samples
        >>> folder = getfixture('tmp_path')
        >>> converted = convert_dataset(small_samples(folder / 'images'), 'coco', folder / 'coco')
        >>> converted.losses['written'], converted.lost('box')
        ({'box': 7, 'polygon': 3}, 0)
    """
    used: list[object] = [*plugins]
    if not isinstance(source, Mapping):
        samples = _Samples(source, classes)
        used.append(samples)
        out.parent.mkdir(parents=True, exist_ok=True)
        source = dataset(out.parent, samples.name)
    recording = Recording()
    with staging(out) as staged:
        context = TrainContext(
            params=params,
            runtime_ctx=RuntimeContext(strict=strict),
            hooks=calls or hook_calls(*used, settings=settings),
            recorder=recording,
            output_dir=staged,
            settings=settings or {},
        )
        answer = context.hooks.convert(context=context, dataset=source, target_format=target_format)
        converted = relocate(checked_dataset(answer, 'convert'), staged, out)
    losses = recording.of('losses')
    return Converted(converted, losses[-1] if losses else {}, recording)


def open_dataset(source: Dataset, *plugins: object) -> DatasetReader:
    """Open a dataset for reading, as a run does.

    Args:
        source: For example `{'path': folder, 'format': 'acme'}`.
        plugins: The formats to use besides the built-in ones.

    Raises:
        SynapseHooksError: No plugin reads the format.

    Example:
        >>> from synapse_hooks.testing import small_dataset
        >>> data = small_dataset(getfixture('tmp_path') / 'data')
        >>> [sample.id for sample in open_dataset(data)][:2]
        ['dots.in.name', 'größe/Straße 7']
    """
    return hook_calls(*plugins).open_dataset(dataset=source)


def hook_calls(*plugins: object, settings: Mapping[str, Mapping[str, Any]] | None = None) -> HookCalls:
    """The hooks of `plugins` and the built-in plugins; nothing is discovered."""
    return build(Settings(settings=settings or {}), extra=plugins, installed=()).calls


def builtin_format(name: str) -> BaseFormat:
    """A built-in format by its name."""
    module, _, attribute = BUILTIN[name].partition(':')
    format: BaseFormat = getattr(import_module(module), attribute)()
    return format


class _Samples(Format):
    """A format whose dataset is a list of samples; they are copied when they are read."""

    name: ClassVar[str] = 'samples of a test'

    def __init__(self, samples: Sequence[Sample], classes: Sequence[str] | None) -> None:
        self.samples = samples
        self.classes = classes

    def declare(self, path: Path) -> DatasetInfo:
        return DatasetInfo(classes=None if self.classes is None else tuple(self.classes))

    def read(self, path: Path) -> Iterator[Sample]:
        for sample in self.samples:
            yield Sample(
                sample.id,
                file=sample.file or None,
                medium=sample.medium,
                width=sample.width,
                height=sample.height,
                split=sample.split,
                annotations=[*sample.annotations],
                extra=dict(sample.extra),
            )
