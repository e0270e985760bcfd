"""A dataset is converted while its items arrive: in any order, with the same result."""

import json
import random
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from synapse_hooks.context import Dataset, RuntimeContext, TrainContext
from synapse_hooks.conversion.arrivals import Arrivals, arrived_shards
from synapse_hooks.conversion.conversion import Conversion
from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.target import Target
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.storage import tree_digest
from synapse_hooks.testing.conversion import builtin_format, hook_calls

TOOLS: list[dict[str, Any]] = [
    {'bounding_box': [{'id': 'a', 'classification': 'cat', 'attrs': [], 'data': [5, 5.25, 20, 20]}]},
    {'polygon': [{'id': 'a', 'classification': 'dog', 'attrs': [], 'data': [[1, 1], [9, 1], [9, 9]]}]},
    {'polyline': [{'id': 'a', 'classification': 'road', 'attrs': [], 'data': [[1, 1], [9, 1], [9, 9]]}]},
    {},
]


def dm_of(folder: Path, splits: list[str]) -> tuple[Path, list[tuple[str, str, list[str]]]]:
    """A DM dataset with items of several kinds, and what each consists of."""
    items = []
    for split in splits:
        documents, files = folder / split / 'json', folder / split / 'original_files'
        documents.mkdir(parents=True)
        files.mkdir()
        for number in range(60):
            name = f'{number}.png'
            Image.new('RGB', (64, 48 + number % 3), (number, 0, 0)).save(files / name)
            (documents / f'{number}.json').write_text(json.dumps({'images': [TOOLS[number % len(TOOLS)]]}))
            more = [f'{number}.thumb.png'] if number % 7 == 0 else []
            for other in more:
                (files / other).write_bytes(b'thumb')
            items.append((split, f'{number}.json', [name, *more]))
    return folder, items


def conversion(source: Dataset, target: str, out: Path, options: Options) -> Conversion:
    out.mkdir()
    context = TrainContext(params={}, runtime_ctx=RuntimeContext(), hooks=hook_calls())
    return Conversion.of(context, source, Target(builtin_format(target), out, options))


def all_arrived(file: Path, shards: Iterable[dict[str, Any]]) -> Path:
    with closing(Arrivals(file)) as arrivals:
        for shard in shards:
            arrivals.add(shard)
        arrivals.end()
    return file


def written(source: Dataset, out: Path, options: Options) -> tuple[str, Any, Any]:
    """The content, the counts and the losses of a conversion to YOLO."""
    made = conversion(source, 'yolo', out, options)
    done = made.finalize(made.write())
    done.report.merge(done.read.report)
    losses = done.report.to_dict()
    for fate in losses.values():
        for loss in fate if isinstance(fate, list) else ():
            # The first that were met.
            loss['examples'].clear()
    return tree_digest(out), dict(done.splits), losses


@pytest.mark.parametrize('splits', [['train', 'valid'], ['']])
def test_the_order_in_which_items_arrive_changes_nothing(tmp_path: Path, splits: list[str]) -> None:
    folder, items = dm_of(tmp_path / 'dm', splits)
    options = Options(workers=1, shares={} if splits[0] else {'train': 0.7, 'valid': 0.3}, trainer_cache=False)
    expected = written({'path': folder, 'format': 'dm'}, tmp_path / 'expected', options)
    assert expected[2]['dropped']
    random.Random(3).shuffle(items)
    arrivals = Arrivals(tmp_path / 'arrivals.jsonl')

    def arrive() -> None:
        for split, document, files in items:
            arrivals.add({'split': split or None, 'documents': [document], 'files': files})
            if document == '7.json':
                time.sleep(0.05)
        arrivals.end()
        arrivals.close()

    thread = threading.Thread(target=arrive)
    thread.start()
    source: Dataset = {'path': folder, 'format': 'dm', 'arrivals': arrivals.file}
    assert written(source, tmp_path / 'arriving', options) == expected
    thread.join()


def test_a_shard_is_read_when_its_line_is_complete(tmp_path: Path) -> None:
    file = tmp_path / 'arrivals.jsonl'
    file.write_bytes(b'{"documents":')
    shards = arrived_shards(file)

    def complete() -> None:
        time.sleep(0.05)
        with file.open('ab') as lines:
            lines.write(b'["1.json"]}\n')
            lines.flush()
            lines.write(b'null\n')

    thread = threading.Thread(target=complete)
    thread.start()
    assert list(shards) == [{'documents': ['1.json']}]
    thread.join()


@pytest.mark.parametrize('target', ['coco', 'imagefolder', 'dm'])
def test_a_target_that_needs_the_order_is_refused(tmp_path: Path, target: str) -> None:
    folder, items = dm_of(tmp_path / 'dm', [''])
    shards = [{'split': None, 'documents': [document], 'files': files} for _, document, files in items]
    file = all_arrived(tmp_path / 'arrivals.jsonl', shards)
    made = conversion({'path': folder, 'format': 'dm', 'arrivals': file}, target, tmp_path / 'out', Options())
    with pytest.raises(DatasetInvalid, match='still arriving'):
        made.write()
    assert not list((tmp_path / 'out').iterdir())


def test_an_announced_item_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    folder, _ = dm_of(tmp_path / 'dm', [''])
    file = all_arrived(tmp_path / 'arrivals.jsonl', [{'split': None, 'documents': ['missing.json'], 'files': []}])
    options = Options(tolerance='fail', shares={'train': 0.5, 'valid': 0.5})
    made = conversion({'path': folder, 'format': 'dm', 'arrivals': file}, 'yolo', tmp_path / 'out', options)
    with pytest.raises(UnreadableItem, match=r'missing\.json'):
        made.write()
