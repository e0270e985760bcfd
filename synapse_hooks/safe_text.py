"""Values and exceptions of third-party code as text of bounded length. Nothing here raises."""

from __future__ import annotations

import importlib
import traceback
from contextlib import suppress

_MOST_NOTES = 20
_OWN = ('synapse_hooks', 'pluggy')
_LONGEST_TRACEBACK = 16_000
_IMPORTING = tuple(file.rpartition('/')[0] for file in (__file__, importlib.__file__))


def text_of(value: object, longest: int = 4000) -> str:
    """`str(value)` for values of third-party code; it never raises, and its length is bounded.

    Of a text with more than `longest` characters the middle is left out: the end of an error has what to do about it.

    Args:
        value: Anything.
        longest: Characters of the text, at most.

    Example:
        >>> text_of('x' * 10_000_000)[1990:2050]
        'xxxxxxxxxx [... 9996000 characters left out ...] xxxxxxxxxxx'
    """
    try:
        text = str(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return f'<{type(value).__name__} whose __str__ raised {type(error).__name__}>'
    if len(text) <= longest:
        return text
    half = longest // 2
    return f'{text[:half]} [... {len(text) - 2 * half} characters left out ...] {text[-half:]}'


def repr_of(value: object, longest: int = 80) -> str:
    """`repr(value)` as it is quoted in a sentence: at most `longest` characters. It never raises.

    Example:
        >>> repr_of('x' * 1000, longest=10), repr_of(10**10_000)
        ("'xxxxxx...", 'a number of more digits than Python writes')
    """
    try:
        text = repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(value, int):
            return 'a number of more digits than Python writes'
        return f'<{type(value).__name__} whose __repr__ raised {type(error).__name__}>'
    return text if len(text) <= longest else f'{text[: longest - 3]}...'


def summary(error: BaseException) -> str:
    """An exception in one line: type and message. It never raises and is never long; see `text_of`.

    Args:
        error: The exception.

    Example:
        >>> summary(ValueError('broken'))
        'ValueError: broken'
    """
    return f'{type(error).__name__}: {text_of(error)}'


def notes_of(error: BaseException | None) -> list[str]:
    """The notes that were added to an exception, each as `text_of` has it."""
    notes = getattr(error, '__notes__', None)
    return [text_of(note) for note in notes[:_MOST_NOTES]] if isinstance(notes, list | tuple) else []


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an exception, unless its class does not allow that."""
    with suppress(TypeError, AttributeError):
        error.add_note(note)


def described(error: BaseException) -> str:
    """An exception of third-party code in one line: type, message, and the file and line it came from.

    Example:
        >>> try:
        ...     exec(compile('1 / 0', 'hooks.py', 'exec'))
        ... except ZeroDivisionError as error:
        ...     described(error)
        'ZeroDivisionError: division by zero (hooks.py, line 1)'
    """
    text = summary(error)
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    files = [(file, line) for file, line in frames if not file.startswith('<') and not file.startswith(_IMPORTING)]
    # The message of a SyntaxError has the line, and there is no frame of the file.
    return text if not files or isinstance(error, SyntaxError) else f'{text} ({files[-1][0]}, line {files[-1][1]})'


def frames_text(error: BaseException) -> str:
    """A traceback without our own frames between those of third-party code, if there are such; see `text_of`."""
    try:
        return text_of(_frames(error), _LONGEST_TRACEBACK)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return summary(error)


def _frames(error: BaseException) -> str:
    shown = traceback.TracebackException.from_exception(error)
    names = [frame.f_globals.get('__name__', '') for frame, _ in traceback.walk_tb(error.__traceback__)]
    foreign = [name.partition('.')[0] not in _OWN for name in names]
    if any(foreign):
        last = max(place for place, is_foreign in enumerate(foreign) if is_foreign)
        frames = [frame for place, frame in enumerate(shown.stack) if foreign[place] or place > last]
        shown.stack = traceback.StackSummary.from_list(frames)
    shown.__notes__ = notes_of(error)
    return ''.join(shown.format()).rstrip('\n')
