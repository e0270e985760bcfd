"""Tests of a format: reading is repeatable, and shards are independent.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from unittest import SkipTest

from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.formats import Format, ReadContext
from synapse_hooks.safe_text import summary
from synapse_hooks.testing.comparison import first_difference
from synapse_hooks.testing.conversion import open_dataset
from synapse_hooks.testing.format_checks.case import FormatCase
from synapse_hooks.testing.plugins import reads


class Reading(FormatCase):
    """Reading is repeatable, and shards are independent."""

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
        self.require_read()
        reader = open_dataset(self.dataset(tmp_path), self.format)
        difference = first_difference([*reader], [*reader])
        assert not difference, f'reading a dataset twice gives different samples, or another order: {difference}'

    def test_ids_are_unique(self, tmp_path: Path) -> None:
        """No two samples of a split share an id, and no two annotations of a sample."""
        self.require_read()
        samples = list(open_dataset(self.dataset(tmp_path), self.format))
        twice = [key for key, count in Counter((one.split, one.id) for one in samples).items() if count > 1]
        assert not twice, f'two samples have the same split and id: {twice}'
        for sample in samples:
            ids = Counter(annotation.id for annotation in sample.annotations if annotation.id)
            same = [id for id, count in ids.items() if count > 1]
            assert not same, f'sample {sample.id!r}: two annotations have the id {same[0]!r}'

    def test_a_dataset_that_was_moved_is_read_alike(self, tmp_path: Path) -> None:
        """No absolute path is needed: the folder of a dataset can be moved."""
        self.require_read()
        dataset = self.dataset(tmp_path / 'first')
        before = list(open_dataset(dataset, self.format))
        there = tmp_path / 'second' / dataset['path'].name
        there.parent.mkdir()
        dataset['path'].rename(there)
        try:
            after = list(open_dataset({'path': there, 'format': self.format.name}, self.format))
        except SynapseHooksError as error:
            raise AssertionError(f'after the folder was moved, it cannot be read: {error.problem}') from error
        assert [(one.id, one.split, one.annotations) for one in before] == [
            (one.id, one.split, one.annotations) for one in after
        ], 'after the folder was moved, other samples are read'
        outside = [one.id for one in after if one.image is not None and not one.image.is_relative_to(there)]
        assert not outside, f'the images of {outside} are searched where the dataset was before'
