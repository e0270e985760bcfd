"""Convert a dataset on disk from one format to another.

DST appears whole, by one rename, or not at all: it can be interrupted and run again. Images are hard-linked where the
disk allows it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.cli.common import Answer, one_thread_for_numpy
from synapse_hooks.errors import ConfigError, ParamsError

if TYPE_CHECKING:
    from synapse_hooks.cli.reading import Source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Source, target, formats, splits."""
    parser.add_argument(
        'source',
        metavar='SRC',
        type=Path,
        help='its folder, main file or archive (zip, tar), or its name or id in the workspace',
    )
    parser.add_argument('target', metavar='DST', type=Path, help='the folder to make')
    parser.add_argument('--to', metavar='FORMAT', required=True, help='`synapse-hooks formats` lists them')
    parser.add_argument('--from', metavar='FORMAT', dest='source_format', help='guessed when it is left out')
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='where to look for a name that is not a path')
    parser.add_argument('--split', metavar='T,V[,E]', help='fractions for train, valid and test: 0.8,0.1,0.1')
    parser.add_argument(
        '--group-by', metavar='ATTR', help='keep items with the same value of an attribute in one split (folder: too)'
    )
    parser.add_argument('--stratify', action='store_true', help='give every split its share of each class')
    parser.add_argument(
        '--task',
        metavar='TASK',
        help='the task, for a format with several: detect, segment, pose, obb, classify',
    )
    parser.add_argument(
        '--images',
        metavar='MODE',
        help='how images get there: hardlink (a reflink or copy across disks), symlink, copy',
    )
    parser.add_argument(
        '--workers',
        metavar='N',
        type=int,
        help='how many processes, 1 or more; left out, the number of items and cores decides',
    )
    parser.add_argument(
        '--unreadable', metavar='POLICY', help='items that cannot be read: skip, fail, or the tolerated share (0.01)'
    )
    parser.add_argument(
        '--crowds', metavar='MODE', help='crowd regions (iscrowd): keep, or objects to take them as objects'
    )
    parser.add_argument(
        '--no-trainer-cache',
        action='store_true',
        help='do not write the cache in which ultralytics keeps what it finds in a dataset',
    )
    parser.add_argument('--strict', action='store_true', help='fail rather than lose annotations')


def run(options: argparse.Namespace) -> Answer:
    """Open, convert, publish."""
    one_thread_for_numpy()
    from synapse_hooks.cli.conversion import Losses, convert_into
    from synapse_hooks.cli.reading import find_source, number_or_text
    from synapse_hooks.cli.voice import voice
    from synapse_hooks.conversion.reader import reading
    from synapse_hooks.plugins import build, load_settings
    from synapse_hooks.steps.state import plain
    from synapse_hooks.storage import relocate, staging, sweep

    plugins = build(load_settings(block=options.block, only=options.only))
    plugins.check_format(options.to)
    params: dict[str, Any] = {
        'splits': _fractions(options.split),
        'target_task': options.task,
        'crowds': options.crowds,
        'unreadable': number_or_text(options.unreadable),
    }
    settings = {'images': options.images, 'workers': options.workers, 'group_by': options.group_by}
    settings['stratify'] = options.stratify or None
    settings['trainer_cache'] = False if options.no_trainer_cache else None
    # Of a conversion that was killed, which could not do it.
    sweep(options.target.parent)
    with (
        find_source(plugins, options.source, options.source_format, options.workspace, options.target) as source,
        voice() as said,
    ):
        path = source.dataset['path']
        if path.is_dir() and path.resolve() in options.target.resolve().parents:
            raise ConfigError(
                f'{options.target} is in {options.source}, which would have its own conversion in it',
                hint='choose a folder outside of the dataset',
            )
        if source.dataset['format'] == options.to:
            raise ConfigError(
                f'{options.source} is in the format {options.to!r} already',
                hint='give another format with --to'
                if options.to == 'dm'
                else 'give another format with --to; to divide it, take it into the workspace, and convert that: '
                f'`synapse-hooks workspace import {options.source} --name NAME`',
            )
        _check_links(source, plugins.settings.settings.get(options.to, {}), options.images)
        with staging(options.target) as staged, reading(path):
            losses = Losses(said, source.named)
            if source.remark:
                losses.say(source.remark)
            made = convert_into(
                staged,
                source.dataset,
                options.to,
                plugins,
                losses,
                params=params,
                settings=settings,
                strict=options.strict,
            )
            dataset = relocate(made.dataset, staged, options.target)
            losses.say_pace()
        made.call_when_published(options.target)
    splits = ', '.join(f'{name} {count}' for name, count in (dataset.get('splits') or {}).items())
    text = f'{dataset.get("config_path") or dataset["path"]}{f" ({splits})" if splits else ""}'
    data = {'dataset': plain(dataset), 'from': source.dataset['format'], 'losses': losses.report}
    return Answer(data, text, stands_alone=True)


def _check_links(source: Source, settings: Mapping[str, Any], asked: str | None) -> None:
    """Refuse links to what is unpacked for the conversion only."""
    if source.unpacked and (asked or settings.get('images')) == 'symlink':
        raise ConfigError(
            'images: links into an archive lead nowhere', hint='unpack it first, or leave out `--images symlink`'
        )


def _fractions(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(',')]
    except ValueError as error:
        raise ParamsError(
            f'--split {text!r} is not two or three fractions', hint='for instance 0.8,0.1,0.1', field='split'
        ) from error
    if len(numbers) not in (2, 3):
        raise ParamsError(f'--split {text!r} is not two or three fractions', hint='for instance 0.8,0.1,0.1')
    return dict(zip(('train', 'valid', 'test'), numbers, strict=False))
