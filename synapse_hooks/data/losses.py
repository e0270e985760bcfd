"""The loss report: every annotation is counted as written, converted (why) or dropped (why).

In addition, an annotation may be repaired (it contradicted itself, and was corrected) or doubtful (it was kept, and is
probably wrong).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from synapse_hooks.data.media import MEDIA
from synapse_hooks.data.skeletons import made_of
from synapse_hooks.errors import LossRefused

if TYPE_CHECKING:
    from synapse_hooks.data.sample import Sample

EXAMPLES = 5
"""How many examples are kept for each reason."""

Fate = Literal['converted', 'dropped', 'repaired', 'doubtful']
FATES: Final[tuple[Fate, ...]] = get_args(Fate)
LOST: Final[tuple[Fate, ...]] = ('converted', 'dropped')
"""Each annotation counts as written, or has one of these fates. The other fates are reported in addition."""


@dataclass(slots=True)
class Loss:
    """How many annotations of a kind had one fate for one reason, and the first of them."""

    fate: Fate
    """`converted`, `dropped`, `repaired` or `doubtful`."""
    kind: str
    """The annotations' kind, or `image` or another `Sample.medium`, or `file`."""
    reason: str
    """A part of a sentence."""
    count: int = 0
    """The number of annotations."""
    examples: list[dict[str, str]] = field(default_factory=list)
    """The first few: `{'file': sample's id, 'id': annotation's id}`."""


class LossReport:
    """Counts what a conversion cannot express. One belongs to one reading or one conversion.

    A format reports what it changes or leaves out; what it does not mention was written as it is.

    Example:
        >>> report = LossReport()
        >>> report.written('box', 40)
        >>> report.converted('polygon', 'a detect label holds boxes: its enclosing box', 'street/0001', 'p1')
        >>> print(report.summary())
        40 annotations written, 1 converted, 0 dropped
          converted 1 polygon: a detect label holds boxes: its enclosing box (street/0001 p1)
    """

    def __init__(self) -> None:
        self.written_kinds: Counter[str] = Counter()
        self.losses: dict[tuple[Fate, str, str], Loss] = {}
        self.attributes: Counter[str] = Counter()
        self.unreadable_items: list[dict[str, str]] = []
        self.unreadable_count = 0

    def written(self, kind: str, count: int = 1) -> None:
        """`count` annotations of that kind were written without a change."""
        self.written_kinds[kind] += count

    def converted(self, kind: str, reason: str, file: str = '', id: str = '', count: int = 1) -> None:
        """An annotation, or `count` of them, was written as something less exact: `reason` says as what."""
        self._count('converted', kind, reason, file, id, count)

    def dropped(self, kind: str, reason: str, file: str = '', id: str = '', count: int = 1) -> None:
        """An annotation (or an `image`, or another `Sample.medium`), or `count` of them, was not written."""
        self._count('dropped', kind, reason, file, id, count)

    def dropped_item(self, sample: Sample, reason: str) -> None:
        """A whole item was not written, with its annotations.

        Args:
            sample: With all its annotations.
            reason: For a target that holds images only, `Sample.without_image`.
        """
        # An item that is to be an image, and has none, consists of its annotations.
        if sample.file or sample.medium != 'image':
            self.dropped(sample.medium, reason, sample.id)
        for annotation in sample.annotations:
            for kind, count in made_of(annotation).items():
                self.dropped(kind, reason, sample.id, annotation.id, count)

    def repaired(self, kind: str, reason: str, file: str = '', id: str = '', count: int = 1) -> None:
        """An annotation (or an `image`, or a `file`), or `count` of them, contradicted itself and was corrected.

        `reason` says what was wrong, what proves it, and what was done.

        Whether it was then written, converted or dropped is counted separately.
        """
        self._count('repaired', kind, reason, file, id, count)

    def doubtful(self, kind: str, reason: str, file: str = '', id: str = '', count: int = 1) -> None:
        """An annotation (or an `image`, or a `file`), or `count` of them, was kept, but is
        probably wrong. `reason` says why, and what it usually means.
        """
        self._count('doubtful', kind, reason, file, id, count)

    def left_out(self, attributes: Iterable[str], count: int = 1) -> None:
        """An annotation, or `count` of them, was written without these attributes. `strict` allows it."""
        for name in attributes:
            self.attributes[name] += count

    def unreadable(self, file: str, reason: str) -> None:
        """A whole item could not be read."""
        self.unreadable_count += 1
        if len(self.unreadable_items) < EXAMPLES:
            self.unreadable_items.append({'file': file, 'reason': reason})

    def _count(self, fate: Fate, kind: str, reason: str, file: str, id: str, count: int) -> None:
        key = (fate, kind, reason)
        loss = self.losses.get(key)
        if loss is None:
            loss = self.losses[key] = Loss(fate, kind, reason)
        loss.count += count
        if len(loss.examples) < EXAMPLES:
            loss.examples.append({'file': file, 'id': id})

    def finalize(self, seen: Mapping[str, int]) -> None:
        """Count as written what was `seen`, by kind, and is not accounted for yet."""
        for kind, count in seen.items():
            self.written_kinds[kind] += max(0, count - self.accounted(kind))

    def accounted(self, kind: str) -> int:
        """How many annotations of a kind were written, converted or dropped."""
        ends = sum(loss.count for loss in self.losses.values() if loss.kind == kind and loss.fate in LOST)
        return self.written_kinds[kind] + ends

    def clear(self) -> None:
        """Forget everything."""
        for records in (self.written_kinds, self.losses, self.attributes, self.unreadable_items):
            records.clear()
        self.unreadable_count = 0

    def merge(self, other: LossReport) -> None:
        """Add another report to this one: of a reader, or of another worker."""
        self.written_kinds.update(other.written_kinds)
        self.attributes.update(other.attributes)
        for key, loss in other.losses.items():
            mine = self.losses.setdefault(key, Loss(*key))
            mine.count += loss.count
            mine.examples = [*mine.examples, *loss.examples][:EXAMPLES]
        self.unreadable_count += other.unreadable_count
        self.unreadable_items = [*self.unreadable_items, *other.unreadable_items][:EXAMPLES]

    def total(self, fate: Fate | Literal['written']) -> int:
        """How many annotations had that fate. Images and items of other media do not count here."""
        if fate == 'written':
            return self.written_kinds.total()
        return sum(loss.count for loss in self.losses.values() if loss.fate == fate and loss.kind not in MEDIA)

    @property
    def lossless(self) -> bool:
        """Whether every annotation was written, unchanged or repaired; attributes do not count."""
        return not self.unreadable_count and not any(loss.fate in LOST for loss in self.losses.values())

    @property
    def empty(self) -> bool:
        """Whether there is nothing to report."""
        return not (self.losses or self.attributes or self.unreadable_count)

    def refuse_losses(self) -> None:
        """Raise if anything was lost: what `strict` asks for.

        Raises:
            LossRefused: With the counts as `losses`.
        """
        if not self.lossless:
            raise LossRefused(
                f'strict: the conversion is not lossless\n{self.summary()}',
                hint='choose a target or task that can express it all, or leave strict out',
                losses=self.to_dict(),
            )

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values, in a stable order: for run.json, the journal and `--json`."""
        content: dict[str, Any] = {'written': dict(sorted(self.written_kinds.items()))}
        content |= {fate: [] for fate in FATES}
        for _, loss in sorted(self.losses.items()):
            content[loss.fate].append(
                {'kind': loss.kind, 'reason': loss.reason, 'count': loss.count, 'examples': loss.examples}
            )
        content['attributes'] = dict(sorted(self.attributes.items()))
        content['unreadable'] = {'count': self.unreadable_count, 'examples': self.unreadable_items}
        return content

    def summary(self) -> str:
        """The report for a terminal; empty when there is nothing to report."""
        if self.empty:
            return ''
        counted = [(fate, self.total(fate)) for fate in FATES]
        totals = ', '.join(f'{count:,} {fate}' for fate, count in counted if count or fate in LOST)
        lines = [f'{self.total("written"):,} annotations written, {totals}']
        for _, loss in sorted(self.losses.items()):
            where = loss.examples[0]
            place = ' '.join(word for word in (where['file'], where['id']) if word)
            lines.append(f'  {loss.fate} {loss.count:,} {loss.kind}: {loss.reason}{f" ({place})" if place else ""}')
        if self.attributes:
            names = ', '.join(f'{name} {count:,}' for name, count in sorted(self.attributes.items()))
            lines.append(f'  attributes left out: {names}')
        if self.unreadable_count:
            first = self.unreadable_items[0]
            example = first['reason'] if first['file'] in first['reason'] else f'{first["file"]}: {first["reason"]}'
            lines.append(f'  unreadable {self.unreadable_count:,}: {example}')
        return '\n'.join(lines)
