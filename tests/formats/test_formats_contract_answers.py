"""What a source or a sink of others answers is checked where it comes in, and the error names the format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synapse_hooks.data import Box, DatasetInfo, Sample
from synapse_hooks.errors import DataError, WrongAnswer
from synapse_hooks.formats import BaseSink, BaseSource, Batch, Format, WriteResult, Written
from synapse_hooks.testing import convert_dataset, png
from tests.formats.format_kit import add_item, box


class Reads(Format):
    """Has whatever source it was made with."""

    name = 'reads'

    def __init__(self, source: Callable[[Path], Any]) -> None:
        self.make = source

    def source(self, path: Path, context: Any) -> Any:
        return self.make(path)


class Fine(BaseSource):
    """Six images in three shards."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked = 0

    def shards(self) -> Any:
        self.asked += 1
        return range(3)

    def read(self, shard: int) -> Any:
        yield self.batch(shard)
        yield self.batch(shard + 3)

    def batch(self, number: int) -> Batch:
        return Batch.of_samples(
            [Sample(str(number), self.path / 'a.png', split='train', annotations=[Box(1, 2, 3, 4, label='car')])]
        )


def answering(**answers: Any) -> Callable[[Path], Any]:
    """A source whose attributes or methods answer something else."""

    def made(path: Path) -> Any:
        members = {
            name: property(lambda self, answer=answer: answer)
            if name in ('info', 'count')
            else lambda self, *given, answer=answer: answer
            for name, answer in answers.items()
        }
        return type('Odd', (Fine,), members)(path)

    return made


def read(tmp_path: Path, source: Callable[[Path], Any], **options: Any) -> Any:
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in/a.png').write_bytes(png(100, 80))
    return convert_dataset(
        {'path': tmp_path / 'in', 'format': 'reads'}, 'coco', tmp_path / 'out', Reads(source), **options
    )


SOURCES: dict[str, tuple[Callable[[Path], Any], str]] = {
    'no source': (lambda path: None, 'what `source` returned must be a source, got None'),
    'a class': (lambda path: Fine, 'has no `shards`, must be a source, got <class'),
    'no info': (answering(info=None), 'what is declared must be a DatasetInfo, got None'),
    'a text as classes': (answering(info=DatasetInfo(classes='car')), 'classes must be a list'),  # type: ignore[arg-type]
    'bytes as class': (answering(info=DatasetInfo(classes=(b'a',))), r'classes\[0\] must be text'),  # type: ignore[arg-type]
    'a class twice': (answering(info=DatasetInfo(classes=('a', 'b', 'a'))), "names that differ, got 'a'"),
    'no extra': (answering(info=DatasetInfo(extra=None)), 'extra must be a dict'),  # type: ignore[arg-type]
    'no skeletons': (answering(info=DatasetInfo(skeletons=[1])), 'skeletons must be a dict'),  # type: ignore[arg-type]
    'no number': (answering(info=DatasetInfo(splits={'train': 'x'})), 'splits must be a whole number'),  # type: ignore[dict-item]
    'a text as count': (answering(count='300'), "count of the source must be a whole number, 0 or more, got '300'"),
    'a bool as count': (answering(count=True), 'count of the source must be a whole number, 0 or more, got True'),
    'a negative count': (answering(count=-1), 'count of the source must be a whole number, 0 or more, got -1'),
    'no shards': (answering(shards=None), 'what `shards` returned must be a sequence, got None'),
    'a generator of shards': (answering(shards=iter([1])), 'what `shards` returned must be a sequence, got <list_iter'),
    'a set of shards': (answering(shards={1, 2}), r'what `shards` returned must be a sequence, got \{1, 2\}'),
    'a text of shards': (answering(shards='abc'), "what `shards` returned must be a sequence, got 'abc'"),
    'nothing read': (answering(read=None), 'what `read` returned must be an iterator of batches, got None'),
    'a batch read': (answering(read=5), 'what `read` returned must be an iterator of batches, got 5'),
    'no batch': (answering(read=[None]), 'what `read` returned must be a Batch, got None'),
    'samples': (answering(read=[Sample('a')]), 'what `read` returned must be a Batch, got Sample'),
    'no look ahead': (answering(peek=None), 'what `peek` returned must be an iterator of batches, got None'),
}


@pytest.mark.parametrize('source', SOURCES)
def test_a_wrong_answer_of_a_source_is_named(tmp_path: Path, source: str) -> None:
    make, expected = SOURCES[source]
    with pytest.raises(WrongAnswer, match=expected) as caught:
        read(tmp_path, make)
    assert str(caught.value).startswith("format 'reads': ")
    assert "in hook 'open_dataset'" in ' '.join(caught.value.__notes__)
    assert caught.value.hint


def test_a_batch_that_is_missing_does_not_end_a_shard(tmp_path: Path) -> None:
    class Gap(Fine):
        def read(self, shard: int) -> Iterator[Any]:
            yield self.batch(shard)
            if shard == 1:
                yield None
            yield self.batch(shard + 3)

    with pytest.raises(WrongAnswer, match='must be a Batch, got None'):
        read(tmp_path, Gap)


def test_shards_are_asked_for_once_and_batches_may_be_a_list(tmp_path: Path) -> None:
    made: list[Fine] = []

    class Lists(Fine):
        def read(self, shard: int) -> list[Batch]:
            return [self.batch(shard), self.batch(shard + 3)]

    def source(path: Path) -> Fine:
        made.append(Lists(path))
        return made[-1]

    assert read(tmp_path, source).dataset['splits'] == {'train': 6}
    assert {one.asked for one in made} == {0, 1}


class Unportable(Exception):
    """It cannot be sent from one process to another."""

    def __init__(self) -> None:
        super().__init__(lambda: None)


@pytest.mark.parametrize('error', [Unportable, SystemExit])
@pytest.mark.parametrize('workers', [1, 2])
def test_a_source_is_blamed_for_what_it_raises_in_a_worker(
    tmp_path: Path, error: type[BaseException], workers: int
) -> None:
    class Raises(Fine):
        def read(self, shard: int) -> Iterator[Batch]:
            yield self.batch(shard)
            if shard == 2:
                raise error()

    with pytest.raises((SystemExit, DataError, Unportable)) as caught:
        read(tmp_path, Raises, settings={'coco': {'workers': workers}})
    notes = ' '.join(caught.value.__notes__)
    assert "plugin 'Reads') in hook 'open_dataset'" in notes
    assert "while format 'reads' was reading" in notes
    assert "in hook 'convert'" not in notes


# -- sinks ---------------------------------------------------------------------------------------------------------


class Writes(Format):
    """Has whatever sink it was made with."""

    name = 'writes'

    def __init__(self, sink: Callable[[Any], Any]) -> None:
        self.make = sink

    def sink(self, context: Any) -> Any:
        return self.make(context)


class Plain(BaseSink):
    """Writes the ids of each shard."""

    plan: Any = None
    taken: int | None = None
    result: Any = WriteResult()
    end: Any = Written()

    def __init__(self, context: Any) -> None:
        self.context = context

    def initialize_write(self, info: DatasetInfo) -> Any:
        return self.plan() if callable(self.plan) else self.plan

    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> Any:
        lines = []
        for number, batch in enumerate(batches, 1):
            lines += [sample.id for sample in batch.samples]
            if number == self.taken:
                break
        (self.context.out / f'{shard}.txt').write_text('\n'.join(lines))
        return self.result

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> Any:
        return self.end


def sink(**members: Any) -> Callable[[Any], Any]:
    return lambda context: type('Odd', (Plain,), members)(context)


def write(tmp_path: Path, make: Callable[[Any], Any], workers: int = 1) -> Any:
    for number in range(300):
        add_item(tmp_path / 'dm', f'{number:03}', {'bounding_box': [box(1, 1, 5, 5)]})
    source: Any = {'path': tmp_path / 'dm', 'format': 'dm'}
    return convert_dataset(source, 'writes', tmp_path / 'out', Writes(make), settings={'writes': {'workers': workers}})


SINKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    'no sink': (lambda context: None, 'what `sink` returned must be a sink, got None'),
    'a class': (lambda context: Plain, 'has no `classes`, must be a sink, got <class'),
    'another projection': (sink(projection='boxes'), "projection of the sink must be 'samples' or 'shapes'"),
    'text for a switch': (sink(parallel='no'), "parallel of the sink must be True or False, got 'no'"),
    'no classes': (sink(classes=lambda self, info: None), 'what `classes` returned must be a list, got None'),
    'numbers as classes': (sink(classes=lambda self, info: (1, 2)), 'what `classes` returned must be text'),
    'a class twice': (sink(classes=lambda self, info: ('a', 'a')), 'what `classes` returned must be .* that differ'),
    'a plan without equality': (sink(plan=np.arange(3)), 'the plan, .* must be comparable by =='),
    'a plan that is never the same': (sink(plan=lambda self: object()), 'must be the same each time, got <object'),
    'a plan that is not equal to itself': (sink(plan=float('nan')), 'must be the same each time, got nan'),
    'some batches': (sink(taken=1), 'must take all batches, but stopped after 128 samples'),
    'no result': (sink(result=None), 'what `write` returned must be a WriteResult, got None'),
    'counts without number': (sink(result=WriteResult({'train': 'x'})), 'splits of the WriteResult must be a dict of'),  # type: ignore[dict-item]
    'negative counts': (sink(result=WriteResult({'train': -5})), 'splits of the WriteResult must be a dict of'),
    'counts in a list': (sink(result=WriteResult(['train'])), 'splits of the WriteResult must be a dict of'),  # type: ignore[arg-type]
    'nothing written': (sink(end=None), 'what `finalize` returned must be a Written, got None'),
    'a file elsewhere': (sink(end=Written(Path('/etc/passwd'))), 'config_path must be a path inside the folder'),
    'a number as file': (sink(end=Written(5)), 'config_path must be a path inside the folder'),  # type: ignore[arg-type]
    'a format with a newline': (sink(end=Written(format='a\nb')), 'format must be the name of a format'),
    'a number to call': (sink(end=Written(when_published=5)), 'when_published must be callable, got 5'),  # type: ignore[arg-type]
}


@pytest.mark.parametrize('workers', [1, 2])
@pytest.mark.parametrize('kind', SINKS)
def test_a_wrong_answer_of_a_sink_is_named(tmp_path: Path, kind: str, workers: int) -> None:
    make, expected = SINKS[kind]
    with pytest.raises(WrongAnswer, match=expected) as caught:
        write(tmp_path, make, workers)
    assert str(caught.value).startswith("format 'writes': ")
    assert "in hook 'convert'" in ' '.join(caught.value.__notes__)
    assert caught.value.hint


@pytest.mark.parametrize('workers', [1, 2])
def test_a_sink_may_stop_exactly_after_the_last_batch(tmp_path: Path, workers: int) -> None:
    made = write(tmp_path, sink(taken=3 if workers == 1 else None), workers)
    assert sum(len(file.read_text().split()) for file in made.path.glob('*.txt')) == 300


def test_a_conversion_outlives_what_ends_when_it_was_published(tmp_path: Path) -> None:
    def leave(place: Path) -> None:
        raise SystemExit(7)

    made = write(tmp_path, sink(end=Written(when_published=leave)))
    assert (made.path / '0.txt').exists()


def test_a_plan_may_change_once_with_what_is_known(tmp_path: Path) -> None:
    class Counts(Plain):
        def initialize_write(self, info: DatasetInfo) -> Any:
            return info.count

    assert write(tmp_path, Counts).path.joinpath('0.txt').exists()


class Rows(Format):
    name = 'writes'

    def __init__(self, answer: Callable[[Path], Any]) -> None:
        self.answer = answer

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Any:
        (out / 'ids.txt').write_text('\n'.join(sample.id for sample in samples))
        (out / 'link').symlink_to('/etc/passwd')
        return self.answer(out)


@pytest.mark.parametrize('answer', [lambda out: '/etc/passwd', lambda out: out / 'link', lambda out: 5])
def test_a_file_for_the_trainer_lies_in_the_dataset(tmp_path: Path, answer: Callable[[Path], Any]) -> None:
    add_item(tmp_path / 'dm', 'a', {'bounding_box': [box(1, 1, 5, 5)]})
    with pytest.raises(WrongAnswer, match="format 'writes': config_path must be a path inside the folder"):
        convert_dataset({'path': tmp_path / 'dm', 'format': 'dm'}, 'writes', tmp_path / 'out', Rows(answer))
