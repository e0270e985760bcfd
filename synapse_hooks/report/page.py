"""Runs as one HTML page without scripts, which loads no other files and needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from synapse_hooks.pages import Html, document, join, tag
from synapse_hooks.report.badges import badge
from synapse_hooks.report.charts import charts
from synapse_hooks.report.comparison import comparison, overview
from synapse_hooks.report.contents import RunContents
from synapse_hooks.report.curves import curves_of
from synapse_hooks.report.facts import dataset, fact_list, parameters, provenance
from synapse_hooks.report.failure import failure, notices
from synapse_hooks.report.images import Pictures, images
from synapse_hooks.report.machine import machine_charts
from synapse_hooks.report.results import results
from synapse_hooks.report.style import STYLE
from synapse_hooks.report.timeline import timeline
from synapse_hooks.runs import Run
from synapse_hooks.runs.headline import short_name
from synapse_hooks.runs.summary import duration_of, model_text, status_text


def report_page(runs: Sequence[RunContents]) -> str:
    """The page.

    Args:
        runs: At least one; several are compared.
    """
    names = [each.run.name for each in runs]
    pictures = Pictures()
    curves = Section('curves', 'Curves', curves_of(charts([each.metrics for each in runs]), names))
    if len(runs) == 1:
        run, history = runs[0].run, runs[0].history
        header, wrong = _header(run), failure(run, history)
        sections = [curves, *_sections(runs[0], pictures)]
        parts = [header, _links(sections), wrong, *(section.html() for section in sections)]
    else:
        compared = [each.run for each in runs]
        header = tag('header', tag('h1', f'{len(runs)} runs'), tag('div', overview(compared), class_='card'))
        sections = [Section('differences', 'Differences', _card(comparison(compared))), curves]
        details = (_run(place, each, pictures) for place, each in enumerate(runs))
        parts = [header, *(section.html() for section in sections), *details]
    return document(' · '.join(names[:3]), *parts, made_by='report', style=STYLE)


class Section(NamedTuple):
    """A part of the page with a heading; it is omitted if it has no content."""

    id: str
    title: str
    content: Html | None

    def html(self, prefix: str = '') -> Html | None:
        """The section; its id has the prefix, since a page of several runs has several of a kind."""
        heading = tag('h2', self.title)
        return tag('section', heading, self.content, id=prefix + self.id, class_=self.id) if self.content else None


def _links(sections: Sequence[Section]) -> Html:
    links = [tag('a', section.title, href=f'#{section.id}') for section in sections if section.content]
    return tag('nav', *links, aria_label='Sections')


def _header(run: Run, level: str = 'h1') -> Html:
    best = run.best_metric
    facts = {
        'action': run.action,
        'dataset': run.dataset_name,
        'model': model_text(run),
        'duration': duration_of(run),
        'attempts': run.attempts if run.attempts > 1 else None,
        **({} if best is None else {short_name(best.name): f'{best.value:.4g}'}),
    }
    started = [f'started {run.started:%Y-%m-%d %H:%M:%S} UTC'] if run.started else []
    where = tag('p', badge(run.status, status_text(run)), ' · '.join([*started, str(run.path)]), class_='soft')
    note = tag('p', run.note, class_='note') if run.note else None
    return tag('header', tag(level, run.name), where, note, fact_list(facts))


def _sections(each: RunContents, pictures: Pictures) -> list[Section]:
    run, history = each.run, each.history
    return [
        Section('results', 'Results', results(run.last_values, each.evaluations)),
        Section('images', 'Images', images(run.path, history.artifacts.values(), pictures)),
        Section('timeline', 'Timeline', join([timeline(run, history), notices(history)])),
        Section('machine', 'Machine', curves_of(machine_charts(history.system), [run.name])),
        Section('dataset', 'Dataset', _card(dataset(run))),
        Section('parameters', 'Parameters', _card(parameters(run, history))),
        Section('provenance', 'Plugins, environment and code', _card(provenance(run))),
    ]


def _card(content: Html | None) -> Html | None:
    return None if content is None else tag('div', content, class_='card')


def _run(place: int, each: RunContents, pictures: Pictures) -> Html:
    run, name = each.run, f'run-{place}'
    sections = [section.html(f'{name}-') for section in _sections(each, pictures)]
    title = tag('summary', tag('b', run.name), ' ', badge(run.status, status_text(run)))
    parts = [_header(run, 'h2'), failure(run, each.history), *sections]
    # What went wrong is visible at once.
    return tag('details', title, *parts, class_='run', id=name, open=run.error is not None)
