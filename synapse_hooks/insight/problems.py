"""The kinds of problems that a dataset may have, and where they were found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

Severity = Literal['error', 'warning', 'note']

EXAMPLES: Final = 5
"""How many examples are kept for each problem."""
TINY: Final = 2.0
"""A shape with a side below so many pixels is tiny."""
MARGIN: Final = 1.0
"""By how many pixels a shape may reach out of its image, as a result of rounding."""
IMBALANCE: Final = 100
"""A class is rare if the largest class has at least this many times as many annotations."""


class ProblemKind(NamedTuple):
    """One kind of problem."""

    severity: Severity
    title: str
    advice: str
    """Its consequence, or how to fix it."""


KINDS: Final[dict[str, ProblemKind]] = {
    'unreadable': ProblemKind(
        'error', 'items that cannot be read', 'Repair or remove them: a conversion skips up to 1 % of all items.'
    ),
    'leak': ProblemKind(
        'error', 'images that are in another split too', 'A score on images of the training set is not valid.'
    ),
    'malformed': ProblemKind(
        'error', 'annotations that violate their format', 'Correct them: no other format can hold them.'
    ),
    'not-finite': ProblemKind('error', 'coordinates that are not finite numbers', 'Draw these annotations again.'),
    'empty': ProblemKind('error', 'shapes without an area', 'Most formats cannot hold them, and drop them.'),
    'outside': ProblemKind(
        'error', 'shapes that lie wholly outside of their image', 'Check for which image size they were drawn.'
    ),
    'beyond': ProblemKind(
        'warning',
        f'shapes that reach out of their image by more than {MARGIN:g} px',
        "They are cut at the image's edge.",
    ),
    'keypoint-outside': ProblemKind('warning', 'joints outside of their image', 'A missing joint needs visibility 0.'),
    'left-out': ProblemKind(
        'warning', 'annotations or files that the reader dropped or changed', 'A conversion loses them.'
    ),
    'repaired': ProblemKind(
        'warning',
        'annotations or files that contradict themselves, and are repaired',
        'Check that the repair is right.',
    ),
    'doubtful': ProblemKind(
        'warning', 'doubtful annotations or files, kept as they are', 'Check that they are correct.'
    ),
    'duplicate-annotation': ProblemKind(
        'warning', 'annotations that occur twice in one image', 'They count twice in the training and in scores.'
    ),
    'duplicate-image': ProblemKind(
        'warning', 'images that occur twice in one split', 'They count twice in the training and in scores.'
    ),
    'unlabelled': ProblemKind('warning', 'objects without a class', 'They become a class with an empty name.'),
    'similar-classes': ProblemKind(
        'warning', 'classes that differ in case or blanks only', 'They are learned as different classes.'
    ),
    'missing-class': ProblemKind(
        'warning', 'classes that a split lacks', 'They are not learned, or not evaluated, in that split.'
    ),
    'unused-class': ProblemKind(
        'note', 'classes that are declared and never used', 'A model has an output for each of them.'
    ),
    'tiny': ProblemKind('note', f'shapes with a side below {TINY:g} px', 'They are often drawn by mistake.'),
    'imbalance': ProblemKind(
        'note', f'classes with {IMBALANCE} times as many annotations as others', 'Rare classes are learned badly.'
    ),
}
"""Every kind of problem, the most severe first."""


class Example(NamedTuple):
    """One place where a problem was found; fields that do not apply are empty."""

    file: str = ''
    """The image below the dataset's folder, or the item's id where it has none."""
    split: str = ''
    annotation: str = ''
    """The annotation's id."""
    detail: str = ''


@dataclass(slots=True)
class Problem:
    """A problem of a dataset: how often it was found, and the first examples."""

    id: str
    count: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def kind(self) -> ProblemKind:
        """Its kind."""
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
    """Counts problems.

    Example:
        >>> problems = Problems()
        >>> problems.add('tiny', Example('a.jpg', annotation='b1', detail='1 x 9 px'))
        >>> [(problem.id, problem.count) for problem in problems.found]
        [('tiny', 1)]
    """

    def __init__(self) -> None:
        self._by_id = {id: Problem(id) for id in KINDS}

    def add(self, id: str, example: Example, count: int = 1) -> None:
        """Count a problem, `count` times."""
        problem = self._by_id[id]
        problem.count += count
        if len(problem.examples) < EXAMPLES:
            problem.examples.append(example)

    @property
    def found(self) -> list[Problem]:
        """The problems found at least once, the most severe first."""
        return [problem for problem in self._by_id.values() if problem.count]

    @property
    def serious(self) -> list[Problem]:
        """The errors and warnings: with `--strict`, they fail an inspection."""
        return [problem for problem in self.found if problem.kind.severity != 'note']
