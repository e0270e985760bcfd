"""The result of checking a distribution: one line for each check, a grade, and the text of a badge."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

Status = Literal['ok', 'warning', 'failed', 'not run']
Grade = Literal['A', 'B', 'C', 'F']

_COLOURS: Final[dict[Grade, str]] = {'A': 'brightgreen', 'B': 'green', 'C': 'yellow', 'F': 'red'}


@dataclass(frozen=True)
class Check:
    """One check and its outcome. Its texts may come from the distribution: escape them for a terminal."""

    section: str
    """What it belongs to: `packaging`, `entry points`, `tests`, `kit`."""
    name: str
    """What was checked."""
    status: Status
    """`warning` is advice; `not run` means that it could not be checked here."""
    detail: str = ''
    """What was found."""
    hint: str = ''
    """What to type or to write, unless it is ok."""
    text: str = ''
    """The whole message of a test that failed."""


@dataclass
class ReportCard:
    """All checks of a distribution.

    Example:
        >>> card = ReportCard('acme', '1.0')
        >>> card.add('packaging', 'README', 'warning', 'it has relative links', 'write whole URLs')
        >>> card.grade, card.summary
        ('B', '1 check: 1 warning')
    """

    name: str
    """The name of the distribution."""
    version: str = ''
    """Its version, if it is known."""
    checks: list[Check] = field(default_factory=list)
    """In the order in which they were made."""

    def add(self, section: str, name: str, status: Status, detail: str = '', hint: str = '', text: str = '') -> None:
        """Add a check; the arguments are those of `Check`."""
        self.checks.append(Check(section, name, status, detail, hint, text))

    @property
    def passed(self) -> bool:
        """Whether no check has failed."""
        return all(check.status != 'failed' for check in self.checks)

    @property
    def grade(self) -> Grade:
        """`A` if everything is ok, `B` with warnings, `C` if something could not be checked, `F` with a failure."""
        statuses = {check.status for check in self.checks}
        if 'failed' in statuses:
            return 'F'
        if 'not run' in statuses:
            return 'C'
        return 'B' if 'warning' in statuses else 'A'

    @property
    def summary(self) -> str:
        """How many checks there are, and how many of them are not ok."""
        counts = Counter(check.status for check in self.checks)
        total = f'{len(self.checks)} {"check" if len(self.checks) == 1 else "checks"}'
        other = [
            f'{counts[status]} {word if counts[status] == 1 else plural}'
            for status, word, plural in _WORDS
            if counts[status]
        ]
        return f'{total}: {", ".join(other) or "all ok"}'

    def badge(self) -> dict[str, Any]:
        """What an endpoint badge of shields.io shows."""
        message = f'{self.grade} ({self.version})' if self.version else self.grade
        return {
            'schemaVersion': 1,
            'label': 'synapse-hooks check',
            'message': message,
            'color': _COLOURS[self.grade],
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            'name': self.name,
            'version': self.version,
            'passed': self.passed,
            'grade': self.grade,
            'summary': self.summary,
            'checks': [asdict(check) for check in self.checks],
        }


_WORDS: Final[tuple[tuple[Status, str, str], ...]] = (
    ('failed', 'failed', 'failed'),
    ('not run', 'not run', 'not run'),
    ('warning', 'warning', 'warnings'),
)
