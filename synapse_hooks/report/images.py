"""The images of a run: truth beside predictions, samples, and the plots of the framework; bounded in bytes."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from synapse_hooks.journal.values import number_of
from synapse_hooks.pages.html import Html, join, tag
from synapse_hooks.pages.pictures import can_draw, data_uri
from synapse_hooks.safe_text import text_of
from synapse_hooks.storage import is_inside

_BYTES: Final = 3_000_000
"""Of all images of a page."""
_SIDE: Final = 900
_PAIR: Final = re.compile(r'^(?P<name>.*?)_(?P<kind>labels|pred)$')
_PLOT: Final = re.compile(r'(curve|confusion|results|labels|matrix)', re.IGNORECASE)


class Pictures:
    """Reads images of runs until there are enough bytes of them."""

    def __init__(self, most: int = _BYTES) -> None:
        self.left = most
        self.skipped = 0

    def uri(self, run_dir: Path, path: str) -> str | None:
        """A small copy of an image in a run directory as a `data:` URI; None if there is no room, or no such image."""
        file = run_dir / path
        # A journal may name any file of this computer.
        if not os.path.isfile(file) or not is_inside(file, run_dir):  # noqa: PTH113 (it raises nothing)
            return None
        found = data_uri(file, side=_SIDE) if self.left > 0 else None
        if found is None or len(found) > self.left:
            self.skipped += 1
            return None
        self.left -= len(found)
        return found


def images(run_dir: Path, artifacts: Iterable[dict[str, Any]], pictures: Pictures) -> Html | None:
    """Images that were recorded as artifacts; None if there are none.

    Truth (`NAME_labels`) and predictions (`NAME_pred`) are shown beside each other, then other images of samples, then
    plots.
    """
    found = [event for event in artifacts if event.get('kind') == 'image']
    if not found:
        return None
    if not can_draw():
        return tag('p', f'{len(found):,} images: to show them, ', tag('code', "pip install 'synapse-hooks[inspect]'"))
    before = pictures.skipped
    # The last step says most, and there may be no room for all.
    found.sort(key=_step, reverse=True)
    pairs: dict[tuple[str, str, float], dict[str, dict[str, Any]]] = {}
    samples: list[dict[str, Any]] = []
    plots: list[dict[str, Any]] = []
    for event in found:
        role, training = _role(event), str(event.get('training') or '')
        pair = _PAIR.match(role)
        if pair:
            pairs.setdefault((training, pair['name'], _step(event)), {})[pair['kind']] = event
        else:
            (plots if _PLOT.search(role) else samples).append(event)
    beside = [_pair(run_dir, name, pair, pictures) for (_, name, _), pair in pairs.items()]
    parts = [
        _group('Truth and predictions', beside, 'pairs'),
        _group('Samples', [_figure(run_dir, event, pictures) for event in samples], 'samples'),
        _group('Plots of the framework', [_figure(run_dir, event, pictures) for event in plots], 'samples', fold=True),
    ]
    skipped = pictures.skipped - before
    if skipped:
        parts.append(
            tag('p', f'{skipped:,} images are not shown: they cannot be decoded, or the page is full', class_='soft')
        )
    return join(part for part in parts if part)


def _group(title: str, figures: list[Html | None], style: str, *, fold: bool = False) -> Html | None:
    shown = [figure for figure in figures if figure]
    if not shown:
        return None
    grid = tag('div', *shown, class_=style)
    return tag('details', tag('summary', f'{title} ({len(shown)})'), grid) if fold else join([tag('h3', title), grid])


def _pair(run_dir: Path, name: str, pair: dict[str, dict[str, Any]], pictures: Pictures) -> Html | None:
    sides = [
        _figure(run_dir, pair[kind], pictures, f'{name}: {text}')
        for kind, text in (('labels', 'truth'), ('pred', 'predictions'))
        if kind in pair
    ]
    return tag('div', *sides, class_='pair') if any(sides) else None


def _figure(run_dir: Path, event: dict[str, Any], pictures: Pictures, caption: str | None = None) -> Html | None:
    uri = pictures.uri(run_dir, event['path'])
    if uri is None:
        return None
    name = caption or _role(event)
    step = None if event.get('step') is None else f'step {text_of(event["step"], 40)}'
    facts = [name, step, event.get('training'), event.get('caption')]
    image = tag('img', src=uri, alt=name, loading='lazy')
    words = ' · '.join(text_of(fact, 300) for fact in facts if fact)
    return tag('figure', image, tag('figcaption', words), class_='card')


def _role(event: dict[str, Any]) -> str:
    return text_of(event.get('role') or Path(event['path']).stem, 200)


def _step(event: dict[str, Any]) -> float:
    step = number_of(event.get('step'))
    return math.inf if step is None else step
