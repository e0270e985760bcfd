"""Convert a dataset on disk from one format to another.

DST appears complete, by one rename, or not at all, so a conversion can be interrupted and run again. Images are
hard-linked if the file system allows it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.cli.common import CommandResult, limit_numpy_threads
from synapse_hooks.errors import ConfigError, ParamsError

if TYPE_CHECKING:
    from synapse_hooks.cli.input_dataset import InputDataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Source, target, formats, splits."""
    parser.add_argument(
        'source',
        metavar='SRC',
        type=Path,
        help='its folder, main file or archive (zip, tar), or its name or id in the workspace',
    )
    parser.add_argument('target', metavar='DST', type=Path, help='the folder to create')
    parser.add_argument('--to', metavar='FORMAT', required=True, help='`synapse-hooks formats` lists them')
    parser.add_argument(
        '--from', metavar='FORMAT', dest='source_format', help='the format of SRC; guessed if it is not given'
    )
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='where to look for a name that is not a path')
    parser.add_argument('--split', metavar='T,V[,E]', help='fractions for train, valid and test: 0.8,0.1,0.1')
    parser.add_argument(
        '--group-by', metavar='ATTR', help='keep items with the same value of an attribute in one split (folder: too)'
    )
    parser.add_argument(
        '--stratify', action='store_true', help='divide each class over the splits in the same proportions'
    )
    parser.add_argument(
        '--task',
        metavar='TASK',
        help='the task, for a format with several: detect, segment, pose, obb, classify',
    )
    parser.add_argument(
        '--images',
        metavar='MODE',
        help='how images are transferred: hardlink (a reflink or copy across disks), symlink, copy',
    )
    parser.add_argument(
        '--workers',
        metavar='N',
        type=int,
        help='how many processes, 1 or more; by default it depends on the number of items and cores',
    )
    parser.add_argument(
        '--executor',
        metavar='EXECUTOR',
        help='where the parts are written: serial, fork, or the name of a plugin',
    )
    parser.add_argument(
        '--unreadable', metavar='POLICY', help='items that cannot be read: skip, fail, or the tolerated share (0.01)'
    )
    parser.add_argument(
        '--crowds', metavar='MODE', help='crowd regions (iscrowd): keep, or objects to treat them as objects'
    )
    parser.add_argument(
        '--no-trainer-cache',
        action='store_true',
        help='do not write the label cache of ultralytics',
    )
    parser.add_argument('--strict', action='store_true', help='fail rather than lose annotations')


def run(options: argparse.Namespace) -> CommandResult:
    """Open the dataset, convert it, publish the result."""
    limit_numpy_threads()
    from synapse_hooks.cli.conversion import ConversionRecorder, convert_into
    from synapse_hooks.cli.input_dataset import find_input, number_or_text
    from synapse_hooks.cli.reporter import open_reporter
    from synapse_hooks.conversion.reader import explain_os_errors
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
    settings['executor'] = options.executor
    settings['stratify'] = options.stratify or None
    settings['trainer_cache'] = False if options.no_trainer_cache else None
    # Remove what a conversion that was killed has left.
    sweep(options.target.parent)
    with (
        find_input(plugins, options.source, options.source_format, options.workspace, options.target) as source,
        open_reporter() as reporter,
    ):
        path = source.dataset['path']
        if path.is_dir() and path.resolve() in options.target.resolve().parents:
            raise ConfigError(
                f'{options.target} is in {options.source}, so the dataset would contain its own conversion',
                hint='choose a folder outside of the dataset',
            )
        if source.dataset['format'] == options.to:
            raise ConfigError(
                f'{options.source} is in the format {options.to!r} already',
                hint='give another format with --to'
                if options.to == 'dm'
                else 'give another format with --to; to divide it, import it into the workspace and convert that: '
                f'`synapse-hooks workspace import {options.source} --name NAME`',
            )
        _check_links(source, plugins.settings.settings.get(options.to, {}), options.images)
        with staging(options.target) as staged, explain_os_errors(path):
            recorder = ConversionRecorder(reporter, source.with_archive_path)
            if source.note:
                recorder.info(source.note)
            converted = convert_into(
                staged,
                source.dataset,
                options.to,
                plugins,
                recorder,
                params=params,
                settings=settings,
                strict=options.strict,
            )
            dataset = relocate(converted.dataset, staged, options.target)
            recorder.report_throughput()
        converted.call_when_published(options.target)
    splits = ', '.join(f'{name} {count}' for name, count in (dataset.get('splits') or {}).items())
    text = f'{dataset.get("config_path") or dataset["path"]}{f" ({splits})" if splits else ""}'
    data = {'dataset': plain(dataset), 'from': source.dataset['format'], 'losses': recorder.report}
    return CommandResult(data, text, has_side_effects=True)


def _check_links(source: InputDataset, settings: Mapping[str, Any], images: str | None) -> None:
    """Refuse symlinks to files that are unpacked for the conversion only."""
    if source.unpacked and (images or settings.get('images')) == 'symlink':
        raise ConfigError(
            'images: symlinks into an archive would point to files that are removed',
            hint='unpack it first, or do not use `--images symlink`',
        )


def _fractions(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(',')]
    except ValueError as error:
        raise ParamsError(
            f'--split {text!r} is not two or three fractions', hint='for example 0.8,0.1,0.1', field='split'
        ) from error
    if len(numbers) not in (2, 3):
        raise ParamsError(f'--split {text!r} is not two or three fractions', hint='for example 0.8,0.1,0.1')
    return dict(zip(('train', 'valid', 'test'), numbers, strict=False))
