"""What PyYAML raises for a text that it cannot read, as one kind of error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from synapse_hooks.safe_text import summary

_ITS_OWN: Final = (AttributeError, IndexError, KeyError, TypeError, OverflowError)


@contextmanager
def yaml_errors() -> Iterator[None]:
    """Within the block, whatever PyYAML cannot read is a `ValueError` whose message says where, in one line.

    Example:
        >>> import yaml
        >>> with yaml_errors():
        ...     yaml.safe_load('[1')
        Traceback (most recent call last):
            ...
        ValueError: line 1, column 3: expected ',' or ']', but got '<stream end>'
    """
    import yaml

    try:
        yield
    except RecursionError as error:
        raise ValueError('it is nested too deep') from error
    except _ITS_OWN as error:
        # PyYAML raises these for a scalar that is not what its tag says: `!!bool x`, `!!int ""`.
        raise ValueError(summary(error)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, 'problem_mark', None)
        where = '' if mark is None else f'line {mark.line + 1}, column {mark.column + 1}: '
        text = str(error) if mark is None else str(getattr(error, 'problem', None) or error)
        raise ValueError(where + ' '.join(text.split())) from error
