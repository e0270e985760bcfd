"""Tests of a format: its output is reproducible and complete, and nothing else is touched.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import cycle
from pathlib import Path
from unittest import SkipTest

from synapse_hooks.context import Dataset
from synapse_hooks.data import Sample
from synapse_hooks.formats import Format
from synapse_hooks.testing.comparison import as_lines, missing
from synapse_hooks.testing.conversion import convert_dataset, open_dataset
from synapse_hooks.testing.format_checks.case import FormatCase, tree
from synapse_hooks.testing.parts import InParts
from synapse_hooks.testing.plugins import reads


class Outputs(FormatCase):
    """Its output is reproducible and complete, and nothing else is touched."""

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
        self.require_write()
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

    def test_an_interrupted_write_leaves_nothing(self, tmp_path: Path) -> None:
        """An error of the samples passes through `write` unchanged, and no files are left outside of its folder."""
        self.require_write()
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
        self.require_write()
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

    def test_a_killed_write_publishes_nothing(self, tmp_path: Path) -> None:
        """A process that is killed in the middle of a write leaves nothing under the final name, and writing again
        succeeds, with the same bytes as without the kill.
        """
        self.require_write()
        samples = self.samples(tmp_path / 'images')
        out, clean = tmp_path / 'killed' / 'out', tmp_path / 'clean' / 'out'
        surveyed = type(self.format).sink is Format.sink
        child = os.fork()
        if child == 0:
            # It never returns into the test; workers that it starts are killed with it.
            try:
                os.setpgid(0, 0)
                self.converted(_Killed(samples, look=2 if surveyed else 1), out)
            finally:
                os._exit(3)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), 'write() has not taken all samples: it ended before the kill'
        assert not out.exists(), f'a process that was killed while it wrote left {out.name}: {sorted(tree(out))}'
        self.converted(samples, out)
        self.converted(samples, clean)
        assert tree(out) == tree(clean), 'after a kill, writing again gives other files than without it'

    def test_the_order_of_samples_changes_only_the_order(self, tmp_path: Path) -> None:
        """Each image has the same annotations and split, in whichever order the samples come."""
        samples, result, after = self.round_trip(tmp_path)
        other = self.converted(samples[::-1], tmp_path / 'reversed' / 'out')
        assert other.losses['written'] == result.losses['written'], 'the order of samples changes what is written'
        for sample in open_dataset(other.dataset, self.format):
            first = after.get(self.identity(sample))
            assert first is not None, f'sample {sample.id!r} is there only if the samples come in reverse order'
            changed = [what for _, what in missing(first, sample)]
            if first.split != sample.split:
                changed.append(f'the split of sample {sample.id!r} is {first.split!r}, and then {sample.split!r}')
            assert not changed, f'if the samples come in reverse order, others are written{as_lines(changed)}'


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
                self.interrupt()
            again = copy(sample)
            again.id = f'{sample.id}-{place}'
            yield again

    def interrupt(self) -> None:
        """End the write."""
        raise _InterruptionError


class _Killed(_Interrupted):
    """The same, but the process is killed."""

    def interrupt(self) -> None:
        """Kill this process and its workers, as `kill -9` does."""
        os.killpg(0, signal.SIGKILL)


_MANY = 200
