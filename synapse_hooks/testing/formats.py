"""What a format promises, as tests that a format's author inherits.

    from synapse_hooks.testing import FormatConformance

    class TestAcme(FormatConformance):
        format = AcmeFormat()

pytest collects the class under its new name and runs every promise; `tmp_path` is pytest's fixture. A promise that does
not apply (reading, of a format that is only written) is skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any, ClassVar
from unittest import SkipTest

from synapse_hooks.context import Dataset
from synapse_hooks.data import Sample
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.formats import BUILTIN, Format
from synapse_hooks.safe_text import summary
from synapse_hooks.testing.comparing import first_difference, listed, missing, name_of
from synapse_hooks.testing.converting import Converted, builtin_format, convert_dataset, open_dataset
from synapse_hooks.testing.fuzzing import Fuzzer
from synapse_hooks.testing.plugins import check_plugin, reads, writes
from synapse_hooks.testing.samples import CLASSES, odd_samples, small_samples


class FormatConformance:
    """Subclass it in a test module and set `format`; for several tasks, subclass it several times."""

    format: ClassVar[Format]
    """The format under test."""
    params: ClassVar[Mapping[str, Any]] = {}
    """Parameters of every conversion, such as `{'target_task': 'segment'}`."""
    tolerance: ClassVar[float] = 1e-6
    """By how much a coordinate may change without being counted, as a share of the image's longer side."""
    mutations: ClassVar[int] = 50
    """How many datasets with something wrong in them are tried; each takes some 50 ms."""
    seed: ClassVar[int] = 0
    """Decides what is wrong in them: the same seed, the same datasets."""

    # -- what an author may override ---------------------------------------------------------------------------------

    def samples(self, folder: Path) -> list[Sample]:
        """What is converted, with `CLASSES` as the declared classes: for a format that holds neither boxes nor
        polygons, return something that it does hold, such as `small_samples(folder, 'classification')`.
        """
        return small_samples(folder)

    def dataset(self, folder: Path) -> Dataset:
        """A dataset in the format, below `folder`: for a format that is only read, put one there."""
        if not writes(self.format):
            raise SkipTest('it is only read, and `dataset` is not overridden')
        return self.converted(self.samples(folder / 'images'), folder / 'dataset').dataset

    def identity(self, sample: Sample) -> Any:
        """What tells an image from others, whatever it is called: its bytes. For a format that encodes images anew."""
        return sample.image.read_bytes() if sample.image is not None else sample.id

    # -- promises ----------------------------------------------------------------------------------------------------

    def test_it_is_a_sound_plugin(self) -> None:
        """Its hooks are valid, it has a name, and it can be read or written."""
        check_plugin(self.format, 'format')

    def test_every_annotation_arrives_or_is_counted(self, tmp_path: Path) -> None:
        """What the report does not mention is read back with its kind, label, place and attributes."""
        samples, made, after = self._there_and_back(tmp_path)
        changed: dict[str, list[str]] = {}
        for sample in samples:
            reach = self.tolerance * max(sample.width, sample.height, 1)
            back = after.get(self.identity(sample))
            for annotation, what in missing(sample, back, reach=reach, left_out=made.losses['attributes']):
                changed.setdefault(annotation.kind, []).append(what)
        for kind, sentences in changed.items():
            assert len(sentences) <= made.lost(kind), (
                f'{len(sentences)} annotations of kind {kind!r} did not come back as they were, and the report has '
                f'{made.lost(kind)}: report what is changed or left out with self.report.converted() or .dropped(), '
                f'or widen `tolerance`{listed(sentences)}'
            )
        self._all_are_there(samples, made, [*after.values()])

    def test_the_loss_report_adds_up(self, tmp_path: Path) -> None:
        """Each annotation is counted once: as written, converted or dropped."""
        samples = self.samples(tmp_path / 'images')
        self._adds_up(samples, self.converted(samples, tmp_path / 'out'))

    def test_odd_annotations_are_counted_too(self, tmp_path: Path) -> None:
        """Every kind of annotation, shapes beyond the edge, strange labels, an item without image: nothing raises,
        nothing is lost in silence, and what was written can be read.
        """
        samples = [*odd_samples(tmp_path / 'odd'), *self.samples(tmp_path / 'images')]
        made = self.converted(samples, tmp_path / 'out')
        self._adds_up(samples, made)
        if reads(self.format):
            reader = open_dataset(made.dataset, self.format)
            self._all_are_there(samples, made, [*reader])
            unread = getattr(getattr(reader, 'report', None), 'unreadable_items', [])
            assert not unread, f'it cannot read what it wrote: {unread}'

    def test_images_without_annotations_are_kept(self, tmp_path: Path) -> None:
        """A background image teaches what is not there. One that cannot be kept is reported as a dropped `image`."""
        samples, made, after = self._there_and_back(tmp_path)
        missing = [sample for sample in samples if self.identity(sample) not in after]
        assert len(missing) <= made.lost('image'), (
            f'images are missing: {[sample.id for sample in missing]}; keep them (do two of them share a name?), '
            "or call self.report.dropped('image', reason, sample.id)"
        )
        for sample in samples:
            found = after.get(self.identity(sample))
            if found is not None and not sample.annotations:
                assert not found.annotations, (
                    f'sample {sample.id!r} has no annotations, and came back with {found.annotations}'
                )

    def test_splits_are_kept(self, tmp_path: Path) -> None:
        """Every image is in the split that it was in, unless the format knows no splits at all."""
        samples, _, after = self._there_and_back(tmp_path)
        if all(found.split is None for found in after.values()):
            raise SkipTest('the format knows no splits')
        for sample in samples:
            found = after.get(self.identity(sample))
            assert found is None or found.split == sample.split, (
                f'sample {sample.id!r}: split {sample.split!r} came back as {found.split!r}'
            )

    def test_classes_keep_their_order(self, tmp_path: Path) -> None:
        """A class's number is its place: formats that declare classes write them in the order that they got."""
        self._need_both()
        made = self.converted(self.samples(tmp_path / 'images'), tmp_path / 'out')
        written = made.dataset.get('classes', [])
        declared = self.format.declare(made.path).classes
        assert declared is None or list(declared) == list(written), (
            f'the classes were {list(written)}, and declare() says {list(declared)}: keep the order of info.classes'
        )
        found = open_dataset(made.dataset, self.format).info.classes or ()
        assert set(CLASSES).issuperset(found), f'unknown classes are read: {sorted(set(found).difference(CLASSES))}'

    def test_the_same_input_gives_the_same_bytes(self, tmp_path: Path) -> None:
        """Conversions can be compared and cached: no times, no random ids, no order of a file system, no place."""
        samples = self.samples(tmp_path / 'images')
        first, second = (self.converted(samples, tmp_path / name / 'out') for name in ('first', 'second'))
        one, other = tree(first.path), tree(second.path)
        assert one.keys() == other.keys(), f'only in one of two: {sorted(one.keys() ^ other.keys())}'
        differing = [name for name in one if one[name] != other[name]]
        assert not differing, f'two conversions of the same input differ in {differing}'
        assert first.dataset.get('digest') == second.dataset.get('digest'), 'equal output has two digests'

    def test_reading_twice_gives_the_same(self, tmp_path: Path) -> None:
        """In the same order, with the same ids."""
        if not reads(self.format):
            raise SkipTest('it is only written')
        reader = open_dataset(self.dataset(tmp_path), self.format)
        difference = first_difference([*reader], [*reader])
        assert not difference, f'reading a dataset twice gives different samples, or another order: {difference}'

    def test_an_interrupted_write_leaves_nothing(self, tmp_path: Path) -> None:
        """A failure passes through `write` as it is, and nothing is left outside the folder that `write` got."""
        self._need_writing()
        surveyed = self.format.surveys and type(self.format).sink is Format.sink
        samples = _Interrupted(self.samples(tmp_path / 'images'), look=2 if surveyed else 1)
        before = tree(tmp_path)
        caught: Exception | None = None
        try:
            self.converted(samples, tmp_path / 'out')
        except Exception as error:
            caught = error
        assert isinstance(caught, _InterruptionError), f'the samples raised an error, and write() made {caught!r} of it'
        left = sorted(tree(tmp_path).keys() - before.keys())
        assert not left, f'an interrupted write left {left}: write below `out` only'
        assert not (tmp_path / 'out').exists(), 'an interrupted write was published'

    def test_the_source_is_left_alone(self, tmp_path: Path) -> None:
        """Images may be hard links to the source: a change of one changes the user's."""
        self._need_writing()
        samples = self.samples(tmp_path / 'images')
        before = tree(tmp_path / 'images')
        made = self.converted(samples, tmp_path / 'out')
        assert tree(tmp_path / 'images') == before, 'write() changed its source: write a new file instead'
        if reads(self.format):
            before = tree(made.path)
            for _ in open_dataset(made.dataset, self.format):
                pass
            assert tree(made.path) == before, 'reading changed the dataset'

    def test_it_recognises_its_own_and_nobody_elses(self, tmp_path: Path) -> None:
        """`synapse-hooks convert` without `--from` asks every format."""
        if type(self.format).recognise is Format.recognise:
            raise SkipTest('it recognises nothing')
        own = self.dataset(tmp_path / 'own')
        assert self.format.recognise(own['path']), f'recognise() says no to its own dataset at {own["path"]}'
        (tmp_path / 'empty').mkdir()
        assert not self.format.recognise(tmp_path / 'empty'), 'recognise() says yes to an empty folder'
        for name in BUILTIN:
            if name != self.format.name:
                images = small_samples(tmp_path / 'images', 'classification' if name == 'imagefolder' else None)
                made = convert_dataset(images, name, tmp_path / name)
                assert not self.format.recognise(made.path), f'recognise() says yes to a dataset in {name!r}'
                assert not builtin_format(name).recognise(own['path']), f'the format {name!r} recognises it as its own'

    def test_what_is_no_dataset_is_refused(self, tmp_path: Path) -> None:
        """An empty folder, or one with something else in it: a DatasetInvalid that says so, or no samples."""
        if not reads(self.format):
            raise SkipTest('it is only written')
        (tmp_path / 'empty').mkdir()
        (tmp_path / 'other').mkdir()
        (tmp_path / 'other' / 'letter.txt').write_text('Dear Sir or Madam,\n')
        for folder in ('empty', 'other'):
            source: Dataset = {'path': tmp_path / folder, 'format': self.format.name}
            try:
                found = list(open_dataset(source, self.format))
            except SynapseHooksError:
                continue
            except Exception as error:
                raise AssertionError(
                    f'reading a folder that is not a dataset raised {summary(error)}; '
                    'raise synapse_hooks.errors.DatasetInvalid, which says what is missing'
                ) from error
            assert not found, f'{found} was found in a folder that is not a dataset'

    def test_a_wrong_dataset_ends_in_a_sentence(self, tmp_path: Path) -> None:
        """The dataset's structure is changed at random, whatever its files are: JSON, XML, YAML, text, images, bytes,
        pipes and links in their place. Recognising, reading, inspecting and converting it raises nothing but errors of
        `synapse_hooks.errors`, ends in seconds and in 300 MB, and leaves nothing half-written.

        See `synapse_hooks.testing.fuzzing`. To try many, set `mutations`; to try others, set `seed`.
        """
        if not reads(self.format):
            raise SkipTest('it is only written')
        with Fuzzer(self.format, self.dataset(tmp_path / 'own')['path'], tmp_path / 'wrong') as fuzzer:
            for number in range(self.mutations):
                tried = fuzzer(Random(f'{self.seed} {number}'))
                assert not tried.findings, f'{tried}\nthe dataset is kept at {tried.source}'

    # -- means -------------------------------------------------------------------------------------------------------

    def converted(self, samples: Sequence[Sample], out: Path) -> Converted:
        """Samples in the format, at `out`."""
        self._need_writing()
        return convert_dataset(samples, self.format.name, out, self.format, **self.params)

    def _there_and_back(self, folder: Path) -> tuple[list[Sample], Converted, dict[Any, Sample]]:
        self._need_both()
        samples = self.samples(folder / 'images')
        made = self.converted(samples, folder / 'out')
        return samples, made, {self.identity(found): found for found in open_dataset(made.dataset, self.format)}

    def _need_writing(self) -> None:
        if not writes(self.format):
            raise SkipTest('it is only read')

    def _need_both(self) -> None:
        if not (reads(self.format) and writes(self.format)):
            raise SkipTest('it is only read, or only written')

    def _adds_up(self, samples: Sequence[Sample], made: Converted) -> None:
        for kind, count in _kinds(samples).items():
            told = made.accounted(kind)
            assert told == count, (
                f'there are {count} annotations of kind {kind!r}, and the report has {told}: each is written, '
                f'converted or dropped, once{listed(_named(samples, kind))}\nthe report: {made.ends(kind)}'
            )

    def _all_are_there(self, samples: Sequence[Sample], made: Converted, back: Sequence[Sample]) -> None:
        """See that as many annotations can be read as were written or converted."""
        dropped = sum(loss['count'] for loss in made.losses['dropped'] if loss['kind'] not in ('image', 'file'))
        expected = _kinds(samples).total() - dropped
        total = sum(len(sample.annotations) for sample in back)
        counts = {self.identity(sample): len(sample.annotations) for sample in back}
        fewer = [
            f'sample {sample.id!r}: {len(sample.annotations)} annotations came back as {count}'
            for sample in samples
            if (count := counts.get(self.identity(sample), 0)) < len(sample.annotations)
        ]
        assert total >= expected, (
            f'{expected} annotations should be there, {dropped} were dropped, and there are {total}{listed(fewer)}'
        )


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob('*') if file.is_file()}


class _InterruptionError(Exception):
    """Raised in the middle of a write."""


class _Interrupted(list[Sample]):
    """The same samples again and again, under other names, more than are read ahead of a write. One look at them ends
    in an error: the first, or the second for a format whose `write` comes after a survey.
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
