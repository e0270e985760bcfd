"""What can be wrong with a dataset, and where it was met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

Severity = Literal['error', 'warning', 'note']

EXAMPLES: Final = 5
"""How many places are named for each problem."""
TINY: Final = 2.0
"""A shape with a side below so many pixels is tiny."""
MARGIN: Final = 1.0
"""By how many pixels a shape may reach out of its image: that much is rounding."""
IMBALANCE: Final = 100
"""From how many times as many annotations on, in the largest class as in the smallest, a dataset is unbalanced."""


class Kind(NamedTuple):
    """One thing that is looked for."""

    severity: Severity
    title: str
    advice: str
    """What it leads to, or what to do about it."""


KINDS: Final[dict[str, Kind]] = {
    'unreadable': Kind(
        'error', 'items that cannot be read', 'Repair or remove them: a conversion leaves out 1 in 100.'
    ),
    'leak': Kind(
        'error', 'images that are in another split too', 'A score on images that were trained on says nothing.'
    ),
    'malformed': Kind(
        'error', 'annotations that are not as their format has them', 'Correct them: no other format can hold them.'
    ),
    'not-finite': Kind('error', 'coordinates that are not finite numbers', 'Draw these annotations again.'),
    'empty': Kind('error', 'shapes without an area', 'Most targets cannot hold them, and drop them.'),
    'outside': Kind('error', 'shapes that lie wholly outside of their image', 'Check the size they were drawn on.'),
    'beyond': Kind(
        'warning',
        f'shapes that reach out of their image by more than {MARGIN:g} px',
        "They are cut at the image's edge.",
    ),
    'keypoint-outside': Kind('warning', 'joints outside of their image', 'A missing joint needs visibility 0.'),
    'left-out': Kind('warning', 'annotations or files that the reader dropped or changed', 'A conversion loses them.'),
    'repaired': Kind(
        'warning',
        'annotations or files that contradict themselves, and are repaired',
        'Check that the repair is right.',
    ),
    'doubtful': Kind('warning', 'doubtful annotations or files, kept as they are', 'Check that they are meant so.'),
    'duplicate-annotation': Kind(
        'warning', 'annotations that are there twice in one image', 'They count twice in the training and in scores.'
    ),
    'duplicate-image': Kind(
        'warning', 'images that are there twice in one split', 'They weigh more than the others in the training.'
    ),
    'unlabelled': Kind('warning', 'objects without a class', 'They become a class with an empty name.'),
    'similar-classes': Kind(
        'warning', 'classes that differ in case or blanks only', 'They are learned as different things.'
    ),
    'missing-class': Kind('warning', 'classes that a split lacks', 'They are not learned there, or not measured.'),
    'unused-class': Kind('note', 'classes that are declared and never used', 'A model keeps a place for each of them.'),
    'tiny': Kind('note', f'shapes with a side below {TINY:g} px', 'They are often slips of the mouse.'),
    'imbalance': Kind(
        'note', f'classes with {IMBALANCE} times as many annotations as others', 'Rare classes are learned badly.'
    ),
}
"""Every problem, the worst first."""


class Example(NamedTuple):
    """One place where a problem was met; what does not apply is empty."""

    file: str = ''
    """The image below the dataset's folder, or the item's id where it has none."""
    split: str = ''
    annotation: str = ''
    """The annotation's id."""
    detail: str = ''


@dataclass(slots=True)
class Problem:
    """How often one thing is wrong, and where first."""

    id: str
    count: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def kind(self) -> Kind:
        """What it is."""
        return KINDS[self.id]

    def to_dict(self) -> dict[str, Any]:
        """The problem as JSON values."""
        examples = [example._asdict() for example in self.examples]
        return {
            'id': self.id,
            'severity': self.kind.severity,
            'title': self.kind.title,
            'advice': self.kind.advice,
            'count': self.count,
            'examples': examples,
        }


class Problems:
    """Counts what is wrong.

    Example:
        >>> problems = Problems()
        >>> problems.met('tiny', Example('a.jpg', annotation='b1', detail='1 x 9 px'))
        >>> [(problem.id, problem.count) for problem in problems.found]
        [('tiny', 1)]
    """

    def __init__(self) -> None:
        self._by_id = {id: Problem(id) for id in KINDS}

    def met(self, id: str, example: Example, count: int = 1) -> None:
        """Count a problem, `count` times."""
        problem = self._by_id[id]
        problem.count += count
        if len(problem.examples) < EXAMPLES:
            problem.examples.append(example)

    @property
    def found(self) -> list[Problem]:
        """What was met at least once, the worst first."""
        return [problem for problem in self._by_id.values() if problem.count]

    @property
    def serious(self) -> list[Problem]:
        """The errors and warnings among them: what `--strict` minds."""
        return [problem for problem in self.found if problem.kind.severity != 'note']
