"""Wrong datasets are made the same way each time, and a format that cannot stand them is found out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from synapse_hooks.data import Box, DatasetInfo, Sample
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats import Format
from synapse_hooks.testing import small_dataset
from synapse_hooks.testing.fuzzing import Fuzzer
from synapse_hooks.testing.mutation import mutate
from synapse_hooks.testing.samples import png
from synapse_hooks.testing.sandbox import Sandbox, WorkerDied


class Names(Format):
    """A box for each name in a JSON file."""

    name = 'names'

    def names(self, path: Path) -> list[str]:
        try:
            names = json.loads((path / 'names.json').read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise DatasetInvalid(f'{path} has no names.json that can be read') from error
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DatasetInvalid(f'{path}/names.json is not a list of names')
        return names

    def read(self, path: Path) -> Iterator[Sample]:
        boxes = [Box(1, 1, 9, 9, label=name) for name in self.names(path)]
        yield Sample('a', image=path / 'a.png', annotations=[*boxes])


class Trusting(Names):
    def names(self, path: Path) -> list[str]:
        return list(json.loads((path / 'names.json').read_bytes()))


class Waits(Names):
    def names(self, path: Path) -> list[str]:
        return super().names(path) if (path / 'names.json').is_file() else [time.sleep(60) or '']


class Greedy(Names):
    def names(self, path: Path) -> list[str]:
        return [str(len(bytearray(1 << 40)))]


class Dies(Names):
    def names(self, path: Path) -> list[str]:
        os.kill(os.getpid(), signal.SIGKILL)
        return []


class Silent(Names):
    def names(self, path: Path) -> list[str]:
        raise DatasetInvalid('')


class Litters(Names):
    def names(self, path: Path) -> list[str]:
        (path / 'cache').touch()
        return super().names(path)


class Shuffles(Names):
    count = 0

    def names(self, path: Path) -> list[str]:
        Shuffles.count += 1
        return [f'name {Shuffles.count}']


@pytest.fixture
def names(tmp_path: Path) -> Path:
    folder = tmp_path / 'names'
    folder.mkdir()
    (folder / 'names.json').write_text('["ant", "bee"]')
    (folder / 'a.png').write_bytes(png(20, 10))
    return folder


def found(format: Format, dataset: Path, folder: Path, **options: Any) -> dict[str, str]:
    """The promises that a format breaks in a few tries, and what was being done."""
    with Fuzzer(format, dataset, folder / 'work', **options) as fuzzer:
        return {
            finding.promise: f'{finding.where}: {finding.what}\n{finding.trace}'
            for number in range(30)
            for finding in fuzzer(Random(number), edits=1 if number else 0).findings
        }


def test_a_careful_format_keeps_every_promise(names: Path, tmp_path: Path) -> None:
    assert found(Names(), names, tmp_path) == {}


def test_a_format_without_checks_raises_other_errors(names: Path, tmp_path: Path) -> None:
    broken = found(Trusting(), names, tmp_path)
    assert broken.keys() == {'traceback'}
    assert 'json.loads' in broken['traceback']


def test_what_never_ends_is_ended_and_located(names: Path, tmp_path: Path) -> None:
    (names / 'names.json').unlink()
    with Fuzzer(Waits(), names, tmp_path / 'work', seconds=0.5) as fuzzer:
        (finding,) = fuzzer(Random(0), edits=0).findings
    assert (finding.promise, 'in names' in finding.what) == ('hang', True)


@pytest.mark.parametrize(
    ('format', 'promise'),
    [(Greedy, 'memory'), (Dies, 'crash'), (Silent, 'traceback'), (Litters, 'half-written'), (Shuffles, 'lost')],
)
def test_a_broken_promise_is_named(format: type[Format], promise: str, names: Path, tmp_path: Path) -> None:
    with Fuzzer(format(), names, tmp_path / 'work') as fuzzer:
        tried = fuzzer(Random(0), edits=0)
    assert {finding.promise for finding in tried.findings} == {promise}
    assert promise in str(tried)
    assert tried.source.is_dir()


def test_what_is_lost_in_silence_is_found(names: Path, tmp_path: Path) -> None:
    class Forgets(Format):
        name = 'dm'

        def read(self, path: Path) -> Iterator[Sample]:
            yield Sample('a', image=names / 'a.png', annotations=[Box(1, 1, 9, 9, label='ant')])

        def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
            for sample in samples:
                (out / sample.id).touch()

    with Fuzzer(Names(), names, tmp_path / 'work', others=[Forgets()]) as fuzzer:
        fuzzer.targets = ['dm']
        (finding,) = fuzzer(Random(0), edits=0).findings
    assert finding.promise == 'lost'


def test_equal_seeds_make_equal_datasets(tmp_path: Path) -> None:
    small_dataset(tmp_path / 'data')
    told = []
    for place in ('one', 'two'):
        for number in range(60):
            folder = tmp_path / place / str(number)
            shutil.copytree(tmp_path / 'data', folder)
            told.append((mutate(folder, Random(number)), sorted(os.walk(folder))[0][1:]))
    assert told[:60] == told[60:]
    assert len({edits[0].partition(': ')[2] for edits, _ in told}) > 30


def test_the_original_is_left_alone(tmp_path: Path) -> None:
    """Files are replaced, also where they are links to others."""
    (tmp_path / 'original.json').write_text('[1, 2, 3]')
    folder = tmp_path / 'data'
    for number in range(60):
        folder.mkdir()
        os.link(tmp_path / 'original.json', folder / 'a.json')
        mutate(folder, Random(number))
        shutil.rmtree(folder)
    assert (tmp_path / 'original.json').read_text() == '[1, 2, 3]'


def test_a_sandbox_ends_what_computes_for_too_long(tmp_path: Path) -> None:
    def work() -> None:
        while True:
            pass

    with Sandbox(work, tmp_path, seconds=0.2) as sandbox, pytest.raises(WorkerDied, match='in work') as caught:
        sandbox()
    assert caught.value.how == 'hang'


def test_a_sandbox_goes_on_after_what_dies_in_it(tmp_path: Path) -> None:
    def work(what: str) -> str:
        if what == 'die':
            os._exit(3)
        if what == 'raise':
            raise ValueError(what)
        return what.upper()

    with Sandbox(work, tmp_path, seconds=5) as sandbox:
        assert sandbox('a') == 'A'
        with pytest.raises(WorkerDied, match='exit code 3'):
            sandbox('die')
        assert sandbox('b') == 'B'
        with pytest.raises(ValueError, match='raise'):
            sandbox('raise')
        assert sandbox('c') == 'C'


class Films(Names):
    """An image, and a film with annotations, which counts as an item that was left out, and so do they."""

    def read(self, path: Path) -> Iterator[Sample]:
        yield from super().read(path)
        yield Sample('b', medium='video', file=str(path / 'b.mp4'), annotations=[Box(1, 1, 9, 9, label='ant')])


def test_items_of_another_medium_are_no_annotations(names: Path, tmp_path: Path) -> None:
    (names / 'b.mp4').write_bytes(b'film')
    with Fuzzer(Films(), names, tmp_path / 'work') as fuzzer:
        for number in range(4):
            assert fuzzer(Random(number), edits=0).findings == []
