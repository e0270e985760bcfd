"""What the generated tests of a distribution derive from: the contracts, as far as they need nothing of the author."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final

from synapse_hooks.data import Sample
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.formats import BaseFormat
from synapse_hooks.plugins import Plugin
from synapse_hooks.plugins.loading import load
from synapse_hooks.testing.autologgers import AutologConformance
from synapse_hooks.testing.conversion import convert_dataset
from synapse_hooks.testing.formats import FormatConformance
from synapse_hooks.testing.hooks import HookConformance
from synapse_hooks.testing.plugins import check_plugin, writes
from synapse_hooks.testing.samples import Instead, small_samples

_INSTEAD: Final[Sequence[Instead | None]] = (None, 'keypoints', 'rotated_box', 'classification')


def loaded(target: str) -> Any:
    """The plugin that the value of an entry point names."""
    record = Plugin(target, 'plugin', 'project', target)
    load(record)
    return record.loaded


class GeneratedFormat(FormatConformance):
    """The contract of a format, with samples of a kind that it holds."""

    _kind: ClassVar[dict[type, Instead | None]] = {}

    def samples(self, folder: Path) -> list[Sample]:
        """The small samples with the first kind of annotations that the format holds."""
        kind = self._kind.setdefault(type(self), held_kind(self.format))
        return small_samples(folder, kind)


def held_kind(format: BaseFormat) -> Instead | None:
    """The kind of annotation that a format holds, of those that `small_samples` makes; None are boxes and polygons."""
    if not writes(format):
        return None
    for kind in _INSTEAD:
        with TemporaryDirectory() as folder:
            samples = small_samples(Path(folder) / 'images', kind)
            try:
                made = convert_dataset(samples, format.name, Path(folder) / 'out', format)
            except SynapseHooksError:
                continue
            if made.losses['written'] or made.losses['converted']:
                return kind
    return None


class GeneratedHooks(HookConformance):
    """The contract of a plugin of hooks."""


class GeneratedSink(HookConformance):
    """What holds for any plugin, for one that delivers to a tracker: no run is made, since the tracker is not here."""

    test_a_run_succeeds_with_it = None  # type: ignore[assignment]
    test_the_error_of_a_training_passes_through = None  # type: ignore[assignment]
    test_a_failure_in_a_hook_that_observes_does_not_end_a_run = None  # type: ignore[assignment]
    test_nothing_is_written_beside_the_run = None  # type: ignore[assignment]
    test_the_process_is_as_before = None  # type: ignore[assignment]
    test_a_second_run_is_like_the_first = None  # type: ignore[assignment]
    test_its_hooks_do_not_delay_a_run = None  # type: ignore[assignment]


class GeneratedAutologger:
    """What holds for any autologger, without a training."""

    autologger: ClassVar[object]

    def test_it_is_a_valid_plugin(self) -> None:
        """Its hook is valid."""
        check_plugin(self.autologger, 'autologger')

    def test_it_declines_other_frameworks(self, tmp_path: Path) -> None:
        """It returns None for other frameworks."""
        contract: Any = AutologConformance()
        contract.autologger = self.autologger
        contract.test_it_declines_other_frameworks(tmp_path)


class GeneratedPlugin:
    """What holds for any plugin."""

    target: ClassVar[str]
    kind: ClassVar[Any]

    def test_it_is_a_valid_plugin(self) -> None:
        """Its hooks are valid."""
        check_plugin(self.target, self.kind)
