"""Samples of a dataset with their annotations drawn over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from synapse_hooks.data import Classification
from synapse_hooks.insight.drawing import Drawing, colour
from synapse_hooks.insight.inspection import Inspection
from synapse_hooks.insight.problems import KINDS
from synapse_hooks.insight.selection import SelectedSample
from synapse_hooks.pages.html import Html, tag
from synapse_hooks.pages.pictures import can_draw, data_uri


def gallery(inspection: Inspection) -> Html | None:
    """The samples selected for the page; None if there are none."""
    if not inspection.with_problems and not inspection.others:
        return None
    with_pictures = can_draw()
    colours = {label.name: colour(place) for place, label in enumerate(inspection.labels)}
    missing = (
        None
        if with_pictures
        else tag('p', 'For the pictures themselves: ', tag('code', "pip install 'synapse-hooks[inspect]'"))
    )
    toggles = tag('div', _toggle('no-shapes', 'annotations'), _toggle('no-names', 'names'), class_='toggles')
    parts = [
        ('With problems', inspection.with_problems),
        ('From all splits and classes', inspection.others),
    ]
    sections = [
        part
        for title, selected in parts
        if selected
        for part in (tag('h3', title), _grid(selected, colours, with_pictures))
    ]
    return tag('section', tag('h2', 'Samples'), missing, toggles, *sections)


def _toggle(id: str, name: str) -> Html:
    return tag('label', tag('input', type='checkbox', id=id, checked=True), f' {name}')


def _grid(selected: Sequence[SelectedSample], colours: dict[str, str], with_pictures: bool) -> Html:
    return tag('div', *(_card(one, colours, with_pictures) for one in selected), class_='grid')


def _card(selected: SelectedSample, colours: dict[str, str], with_pictures: bool) -> Html:
    sample = selected.sample
    picture = data_uri(sample.image) if with_pictures and sample.image is not None else None
    drawing = Drawing(sample, colours)
    svg = drawing.svg(picture, _alt(selected))
    count = len(sample.annotations)
    facts = [f'{sample.width} × {sample.height}', f'{count:,} annotation{"s" if count != 1 else ""}']
    if drawing.skipped:
        facts.append(f'{drawing.skipped:,} not drawn: there are too many')
    others = Counter(kind for kind in drawing.not_drawn if kind != 'classification')
    facts += [f'not drawn: {count} {kind}' for kind, count in sorted(others.items())]
    if with_pictures and picture is None:
        facts.append('the picture cannot be decoded')
    classes = [one.label for one in sample.annotations if isinstance(one, Classification)]
    badges = [tag('span', sample.split, class_='badge split') if sample.split else None]
    badges += [tag('span', label, class_='badge note') for label in classes]
    badges += [tag('span', id, class_=f'badge {KINDS[id].severity}') for id in selected.problems]
    summary = tag('span', ' · '.join(facts), class_='soft')
    caption = tag('figcaption', tag('span', selected.file, class_='file'), *badges, summary)
    return tag('figure', svg, caption, class_='card')


def _alt(selected: SelectedSample) -> str:
    counts = Counter(annotation.label or annotation.kind for annotation in selected.sample.annotations)
    summary = ', '.join(f'{count} {name}' for name, count in counts.most_common(6))
    return f'{selected.file}: {summary or "no annotations"}'
