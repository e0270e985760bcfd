"""What went wrong in a run: the step, the plugin, the cause, what to do, and the messages before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synapse_hooks.pages.html import Html, table, tag
from synapse_hooks.report.badges import badge
from synapse_hooks.report.history import History, Message
from synapse_hooks.runs import Run
from synapse_hooks.safe_text import text_of

_SHOWN_NOTICES = 20


def failure(run: Run, history: History) -> Html | None:
    """The error of a run that failed or was cancelled; None for others."""
    error = run.error
    if error is None:
        return None
    cancelled = run.status == 'cancelled'
    facts = [
        [name, text_of(error[name])]
        for name in ('step', 'attempt', 'plugin', 'distribution', 'type', 'cause')
        if error.get(name) is not None
    ]
    message, hint = message_of(error)
    trace = error.get('traceback')
    return tag(
        'section',
        tag('h2', 'Where it was cancelled' if cancelled else 'What went wrong'),
        tag(
            'div',
            tag('pre', message),
            tag('p', tag('b', 'What to do: '), hint) if hint else None,
            table(('', ''), facts),
            tag('details', tag('summary', 'traceback'), tag('pre', trace)) if isinstance(trace, str) else None,
            tag('h3', 'The last messages') if history.last_messages else None,
            _messages(list(history.last_messages)),
            class_=f'card failure {"warning" if cancelled else "error"}',
        ),
        class_='what-failed',
    )


def message_of(error: Mapping[str, Any]) -> tuple[str, str]:
    """The message of an error of run.json, and what to do, unless the message says it.

    Example:
        >>> message_of({'message': 'it broke', 'hint': 'fix it'})
        ('it broke', 'fix it')
        >>> message_of({'message': 'it broke: fix it', 'hint': 'fix it'})
        ('it broke: fix it', '')
    """
    message, hint = text_of(error.get('message') or error.get('type')), text_of(error.get('hint') or '')
    return message, '' if hint in message else hint


def notices(history: History) -> Html | None:
    """Warnings and errors of all attempts, and damage of the journal; None if there are none."""
    found = list(history.notices.values())
    lines: list[Html | None] = []
    if history.corrupt:
        lines.append(tag('p', f'Lines of the journal that cannot be read, and are left out: {history.corrupt:,}'))
    if found:
        lines.append(_messages(found[:_SHOWN_NOTICES]))
    if len(found) > _SHOWN_NOTICES:
        more = tag('summary', f'{len(found) - _SHOWN_NOTICES:,} more')
        lines.append(tag('details', more, _messages(found[_SHOWN_NOTICES:])))
    if not lines:
        return None
    return tag('div', tag('h3', 'Warnings and errors'), *lines, class_='card')


def _messages(messages: list[Message]) -> Html | None:
    items = [_message(message) for message in messages]
    return tag('ol', *items, class_='messages') if items else None


def _message(message: Message) -> Html:
    when = '' if message.when is None else f'{message.when:%H:%M:%S}'
    return tag(
        'li', tag('span', when, class_='soft time'), badge(message.level), tag('span', message.text, class_='text')
    )
