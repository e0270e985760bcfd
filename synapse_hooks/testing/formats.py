"""The contract of a format, as a test class that its author subclasses.

    from synapse_hooks.testing import FormatConformance

    class TestAcme(FormatConformance):
        format = AcmeFormat()

pytest collects the subclass and runs every test; `tmp_path` is a fixture of pytest. A test that does not apply, such as
one of reading for a format that is only written, is skipped.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any, ClassVar
from unittest import SkipTest

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.reader import declared_by
from synapse_hooks.data import Sample
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.formats import BUILTIN, BaseFormat, Format, ReadContext
from synapse_hooks.safe_text import summary
from synapse_hooks.testing.comparison import as_lines, first_difference, missing, name_of
from synapse_hooks.testing.conversion import ITEM_KINDS, Converted, builtin_format, convert_dataset, open_dataset
from synapse_hooks.testing.fuzzing import Fuzzer
from synapse_hooks.testing.parts import InParts
from synapse_hooks.testing.plugins import check_plugin, reads, writes
from synapse_hooks.testing.samples import CLASSES, odd_samples, small_samples


class FormatConformance:
    """Subclass it in a test module and set `format`; for several tasks, subclass it several times."""

    format: ClassVar[BaseFormat]
    """The format under test."""
    params: ClassVar[Mapping[str, Any]] = {}
    """Parameters of every conversion, such as `{'target_task': 'segment'}`."""
    tolerance: ClassVar[float] = 1e-6
    """By how much a coordinate may change without being reported, as a share of the longer side of the image."""
    mutations: ClassVar[int] = 50
    """How many invalid datasets are tried; each takes some 50 ms."""
    seed: ClassVar[int] = 0
    """The seed of their mutations: the same seed gives the same datasets."""

    # -- what an author may override ---------------------------------------------------------------------------------

    def samples(self, folder: Path) -> list[Sample]:
        """The samples to convert, with `CLASSES` as the declared classes. For a format that holds neither boxes nor
        polygons, return samples that it does hold, such as `small_samples(folder, 'classification')`.
        """
        return small_samples(folder)

    def dataset(self, folder: Path) -> Dataset:
        """A dataset in the format, below `folder`: override it for a format that is only read."""
        if not writes(self.format):
            raise SkipTest('it is only read, and `dataset` is not overridden')
        return self.converted(self.samples(folder / 'images'), folder / 'dataset').dataset

    def identity(self, sample: Sample) -> Any:
        """A value that identifies an image under any name: its bytes. Override it if images are encoded again."""
        return sample.image.read_bytes() if sample.image is not None else sample.id

    # -- tests -------------------------------------------------------------------------------------------------------

    def test_it_is_a_valid_plugin(self) -> None:
        """Its hooks are valid, it has a name, and it can be read or written."""
        check_plugin(self.format, 'format')

    def test_every_annotation_arrives_or_is_counted(self, tmp_path: Path) -> None:
        """Annotations that are not in the report are read back with their kind, label, coordinates and attributes."""
        samples, result, after = self._round_trip(tmp_path)
        changed: dict[str, list[str]] = {}
        for sample in samples:
            tolerance = self.tolerance * max(sample.width, sample.height, 1)
            back = after.get(self.identity(sample))
            for annotation, what in missing(sample, back, tolerance=tolerance, left_out=result.losses['attributes']):
                changed.setdefault(annotation.kind, []).append(what)
        for kind, texts in changed.items():
            assert len(texts) <= result.lost(kind), (
                f'{len(texts)} annotations of kind {kind!r} did not come back as they were, and the report has '
                f'{result.lost(kind)}: report what is changed or left out with self.report.converted() or .dropped(), '
                f'or widen `tolerance`{as_lines(texts)}'
            )
        self._check_all_read(samples, result, [*after.values()])

    def test_the_loss_report_adds_up(self, tmp_path: Path) -> None:
        """Each annotation is counted once: as written, converted or dropped."""
        samples = self.samples(tmp_path / 'images')
        self._check_counts(samples, self.converted(samples, tmp_path / 'out'))

    def test_odd_annotations_are_counted_too(self, tmp_path: Path) -> None:
        """Every kind of annotation, shapes beyond the edge, unusual labels, an item without image: nothing raises,
        every loss is reported, and the result can be read.
        """
        samples = [*odd_samples(tmp_path / 'odd'), *self.samples(tmp_path / 'images')]
        result = self.converted(samples, tmp_path / 'out')
        self._check_counts(samples, result)
        if reads(self.format):
            reader = open_dataset(result.dataset, self.format)
            self._check_all_read(samples, result, [*reader])
            unread = getattr(getattr(reader, 'report', None), 'unreadable_items', [])
            assert not unread, f'it cannot read what it wrote: {unread}'

    def test_images_without_annotations_are_kept(self, tmp_path: Path) -> None:
        """Background images are training data. One that cannot be kept is reported as a dropped `image`."""
        samples, result, after = self._round_trip(tmp_path)
        missing = [sample for sample in samples if self.identity(sample) not in after]
        assert len(missing) <= result.lost('image'), (
            f'images are missing: {[sample.id for sample in missing]}; keep them (do two of them share a name?), '
            "or call self.report.dropped('image', reason, sample.id)"
        )
        for sample in samples:
            reread = after.get(self.identity(sample))
            if reread is not None and not sample.annotations:
                assert not reread.annotations, (
                    f'sample {sample.id!r} has no annotations, and came back with {reread.annotations}'
                )

    def test_splits_are_kept(self, tmp_path: Path) -> None:
        """Every image keeps its split, unless the format has no splits."""
        samples, _, after = self._round_trip(tmp_path)
        if all(reread.split is None for reread in after.values()):
            raise SkipTest('the format has no splits')
        for sample in samples:
            reread = after.get(self.identity(sample))
            assert reread is None or reread.split == sample.split, (
                f'sample {sample.id!r}: split {sample.split!r} came back as {reread.split!r}'
            )

    def test_classes_keep_their_order(self, tmp_path: Path) -> None:
        """A class number is a position: a format that declares classes writes them in the order of `info.classes`."""
        self._require_read_and_write()
        result = self.converted(self.samples(tmp_path / 'images'), tmp_path / 'out')
        written = result.dataset.get('classes', [])
        reader = open_dataset(result.dataset, self.format)
        declared = declared_by(reader).classes
        assert declared is None or list(declared) == list(written), (
            f'the classes were {list(written)}, and {list(declared)} are declared: keep the order of info.classes'
        )
        reread = reader.info.classes or ()
        assert set(CLASSES).issuperset(reread), f'unknown classes are read: {sorted(set(reread).difference(CLASSES))}'

    def test_the_same_input_gives_the_same_bytes(self, tmp_path: Path) -> None:
        """The output does not depend on time, random ids, paths or the order of files, so it can be cached."""
        samples = self.samples(tmp_path / 'images')
        first, second = (self.converted(samples, tmp_path / name / 'out') for name in ('first', 'second'))
        one, other = tree(first.path), tree(second.path)
        assert one.keys() == other.keys(), f'only in one of two: {sorted(one.keys() ^ other.keys())}'
        differing = [name for name in one if one[name] != other[name]]
        assert not differing, f'two conversions of the same input differ in {differing}'
        assert first.dataset.get('digest') == second.dataset.get('digest'), 'equal output has two digests'

    def test_the_number_of_workers_changes_nothing(self, tmp_path: Path) -> None:
        """What a sink writes does not depend on how many parts it is written in, or in which processes."""
        self._require_write()
        if type(self.format).sink is Format.sink:
            raise SkipTest('it is written by one process')
        source: Dataset = {'path': tmp_path, 'format': InParts.name}
        plugins = self.format, InParts(self.samples(tmp_path / 'images'))
        made = []
        for workers in (1, 3):
            settings = {self.format.name: {'workers': workers, 'executor': 'fork'}}
            out = tmp_path / f'{workers}' / 'out'
            made.append(convert_dataset(source, self.format.name, out, *plugins, settings=settings, **self.params))
        one, other = (tree(result.path) for result in made)
        differing = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        assert not differing, f'one and three workers write {differing} differently: put parts together in finalize()'
        assert made[0].losses == made[1].losses, 'one and three workers report different losses'

    def test_shards_are_read_by_themselves(self, tmp_path: Path) -> None:
        """A shard can be pickled, and a source that has read nothing before reads the same samples from it."""
        if not reads(self.format) or type(self.format).source is Format.source:
            raise SkipTest('it is not read in shards')
        path = self.dataset(tmp_path)['path']
        source = self.format.source(path, ReadContext(path))
        shards = list(source.shards())
        whole = [[sample for batch in source.read(shard) for sample in batch.rows()] for shard in shards]
        for number, (shard, samples) in enumerate(zip(shards, whole, strict=True)):
            try:
                again = pickle.loads(pickle.dumps(shard))
            except Exception as error:
                raise AssertionError(
                    f'shard {number} cannot be pickled: {summary(error)}; make it a number, a range or a tuple of these'
                ) from error
            alone = self.format.source(path, ReadContext(path))
            alone.shards()
            difference = first_difference(samples, [sample for batch in alone.read(again) for sample in batch.rows()])
            assert not difference, f'shard {number} is read differently by a source of its own: {difference}'

    def test_reading_twice_gives_the_same(self, tmp_path: Path) -> None:
        """In the same order, with the same ids."""
        if not reads(self.format):
            raise SkipTest('it is only written')
        reader = open_dataset(self.dataset(tmp_path), self.format)
        difference = first_difference([*reader], [*reader])
        assert not difference, f'reading a dataset twice gives different samples, or another order: {difference}'

    def test_an_interrupted_write_leaves_nothing(self, tmp_path: Path) -> None:
        """An error of the samples passes through `write` unchanged, and no files are left outside of its folder."""
        self._require_write()
        surveyed = type(self.format).sink is Format.sink
        samples = _Interrupted(self.samples(tmp_path / 'images'), look=2 if surveyed else 1)
        before = tree(tmp_path)
        caught: Exception | None = None
        try:
            self.converted(samples, tmp_path / 'out')
        except Exception as error:
            caught = error
        assert isinstance(caught, _InterruptionError), (
            f'the samples raised an error, and write() raised {caught!r} instead'
        )
        left = sorted(tree(tmp_path).keys() - before.keys())
        assert not left, f'an interrupted write left {left}: write below `out` only'
        assert not (tmp_path / 'out').exists(), 'an interrupted write was published'

    def test_the_source_is_left_alone(self, tmp_path: Path) -> None:
        """Images may be hard links to the source: writing to one would change the data of the user. Nothing is written
        outside of the dataset's folder.
        """
        self._require_write()
        samples = self.samples(tmp_path / 'images')
        before = tree(tmp_path / 'images')
        result = self.converted(samples, tmp_path / 'out')
        assert tree(tmp_path / 'images') == before, 'write() changed its source: write a new file instead'
        beside = sorted(name for name in tree(tmp_path) if not name.startswith(('images/', 'out/')))
        assert not beside, f'write() left {beside} beside the dataset: write below `out` only'
        if reads(self.format):
            before = tree(result.path)
            for _ in open_dataset(result.dataset, self.format):
                pass
            assert tree(result.path) == before, 'reading changed the dataset'

    def test_it_recognises_its_own_datasets_only(self, tmp_path: Path) -> None:
        """`synapse-hooks convert` without `--from` asks every format."""
        if type(self.format).recognise is BaseFormat.recognise:
            raise SkipTest('it recognises nothing')
        own = self.dataset(tmp_path / 'own')
        assert self.format.recognise(own['path']), f'recognise() says no to its own dataset at {own["path"]}'
        (tmp_path / 'empty').mkdir()
        assert not self.format.recognise(tmp_path / 'empty'), 'recognise() says yes to an empty folder'
        for name in BUILTIN:
            if name != self.format.name:
                images = small_samples(tmp_path / 'images', 'classification' if name == 'imagefolder' else None)
                result = convert_dataset(images, name, tmp_path / name)
                assert not self.format.recognise(result.path), f'recognise() says yes to a dataset in {name!r}'
                assert not builtin_format(name).recognise(own['path']), f'the format {name!r} recognises it as its own'

    def test_what_is_not_a_dataset_is_refused(self, tmp_path: Path) -> None:
        """An empty folder, or one with other files, is a DatasetInvalid, or has no samples."""
        if not reads(self.format):
            raise SkipTest('it is only written')
        (tmp_path / 'empty').mkdir()
        (tmp_path / 'other').mkdir()
        (tmp_path / 'other' / 'letter.txt').write_text('Dear Sir or Madam,\n')
        for folder in ('empty', 'other'):
            source: Dataset = {'path': tmp_path / folder, 'format': self.format.name}
            try:
                reread = list(open_dataset(source, self.format))
            except SynapseHooksError:
                continue
            except Exception as error:
                raise AssertionError(
                    f'reading a folder that is not a dataset raised {summary(error)}; '
                    'raise synapse_hooks.errors.DatasetInvalid, which says what is missing'
                ) from error
            assert not reread, f'{reread} was found in a folder that is not a dataset'

    def test_an_invalid_dataset_raises_an_error_of_the_package(self, tmp_path: Path) -> None:
        """Files of a valid dataset are changed at random: JSON, XML, YAML, text, images, bytes, or pipes and links in
        place of files. Recognising, reading, inspecting and converting it raises only errors of `synapse_hooks.errors`,
        ends in seconds and in 300 MB, and leaves no partial output.

        See `synapse_hooks.testing.fuzzing`. To try many, set `mutations`; to try others, set `seed`.
        """
        if not reads(self.format):
            raise SkipTest('it is only written')
        with Fuzzer(self.format, self.dataset(tmp_path / 'own')['path'], tmp_path / 'wrong') as fuzzer:
            for number in range(self.mutations):
                tried = fuzzer(Random(f'{self.seed} {number}'))
                assert not tried.findings, f'{tried}\nthe dataset is kept at {tried.source}'

    # -- helpers -----------------------------------------------------------------------------------------------------

    def converted(self, samples: Sequence[Sample], out: Path) -> Converted:
        """Samples in the format, at `out`."""
        self._require_write()
        return convert_dataset(samples, self.format.name, out, self.format, **self.params)

    def _round_trip(self, folder: Path) -> tuple[list[Sample], Converted, dict[Any, Sample]]:
        self._require_read_and_write()
        samples = self.samples(folder / 'images')
        result = self.converted(samples, folder / 'out')
        return samples, result, {self.identity(reread): reread for reread in open_dataset(result.dataset, self.format)}

    def _require_write(self) -> None:
        if not writes(self.format):
            raise SkipTest('it is only read')

    def _require_read_and_write(self) -> None:
        if not (reads(self.format) and writes(self.format)):
            raise SkipTest('it is only read, or only written')

    def _check_counts(self, samples: Sequence[Sample], result: Converted) -> None:
        for kind, count in _kinds(samples).items():
            reported = result.accounted(kind)
            assert reported == count, (
                f'there are {count} annotations of kind {kind!r}, and the report has {reported}: each is written, '
                f'converted or dropped, once{as_lines(_named(samples, kind))}\nthe report: {result.describe(kind)}'
            )

    def _check_all_read(self, samples: Sequence[Sample], result: Converted, back: Sequence[Sample]) -> None:
        """Check that as many annotations can be read as were written or converted."""
        dropped = sum(loss['count'] for loss in result.losses['dropped'] if loss['kind'] not in ITEM_KINDS)
        expected = _kinds(samples).total() - dropped
        total = sum(len(sample.annotations) for sample in back)
        counts = {self.identity(sample): len(sample.annotations) for sample in back}
        fewer = [
            f'sample {sample.id!r}: {len(sample.annotations)} annotations came back as {count}'
            for sample in samples
            if (count := counts.get(self.identity(sample), 0)) < len(sample.annotations)
        ]
        assert total >= expected, (
            f'{expected} annotations were written, {dropped} dropped, and {total} were read{as_lines(fewer)}'
        )


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob('*') if file.is_file()}


class _InterruptionError(Exception):
    """Raised in the middle of a write."""


class _Interrupted(list[Sample]):
    """The same samples repeatedly, under other names: more than are read ahead of a write. One iteration ends in an
    error: the first, or the second for a format whose `write` comes after a survey.
    """

    def __init__(self, samples: Sequence[Sample], look: int) -> None:
        super().__init__(samples)
        self.look = look

    def __iter__(self) -> Iterator[Sample]:
        self.look -= 1
        for place, sample in zip(range(_MANY), cycle(super().__iter__()), strict=False):
            if self.look == 0 and place == _MANY - 1:
                raise _InterruptionError
            again = copy(sample)
            again.id = f'{sample.id}-{place}'
            yield again


_MANY = 200


def _kinds(samples: Sequence[Sample]) -> Counter[str]:
    return Counter(annotation.kind for sample in list(samples) for annotation in sample.annotations)


def _named(samples: Sequence[Sample], kind: str) -> list[str]:
    return [
        name_of(sample, place)
        for sample in samples
        for place, annotation in enumerate(sample.annotations)
        if annotation.kind == kind
    ]
