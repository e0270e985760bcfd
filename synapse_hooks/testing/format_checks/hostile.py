"""Tests of a format: reading ends well for any dataset, also for one that was made to do harm.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic
from typing import ClassVar, Final
from unittest import SkipTest

from synapse_hooks.testing.format_checks.case import FormatCase
from synapse_hooks.testing.fuzzing import TARGETS, Fuzzer
from synapse_hooks.testing.mutation.files import OUTSIDE
from synapse_hooks.testing.robustness import RobustnessCheck
from synapse_hooks.testing.sandbox import Sandbox, WorkerDied

_DEPTH: Final = 100_000
_DOCUMENTS: Final = 2
"""How many documents of a dataset are tried, of different suffixes if possible."""
_IMAGES: Final = frozenset(('.png', '.bmp', '.jpg', '.jpeg', '.webp', '.gif', '.tif', '.tiff'))


class HostileInput(FormatCase):
    """Reading ends well for any dataset, also for one that was made to do harm."""

    mutations: ClassVar[int]
    fuzz_seconds: ClassVar[float]
    seed: ClassVar[int]

    def test_an_invalid_dataset_raises_an_error_of_the_package(self, tmp_path: Path) -> None:
        """Files of a valid dataset are changed at random: JSON, XML, YAML, text, images, bytes, or pipes and links in
        place of files. Recognising, reading, inspecting and converting it raises only errors of `synapse_hooks.errors`,
        ends in seconds and in 300 MB, and leaves no partial output.

        See `synapse_hooks.testing.fuzzing`. To try many, set `mutations` and `fuzz_seconds`; to try others, set `seed`.
        """
        self.require_read()
        self._require_time()
        with Fuzzer(self.format, self.dataset(tmp_path / 'own')['path'], tmp_path / 'wrong') as fuzzer:
            until = monotonic() + self.fuzz_seconds
            for number in range(self.mutations):
                if monotonic() > until:
                    break
                tried = fuzzer(Random(f'{self.seed} {number}'))
                assert not tried.findings, f'{tried}\nthe dataset is kept at {tried.source}'

    def test_documents_that_are_cut_off_end_well(self, tmp_path: Path) -> None:
        """Each document is empty, or ends after a byte, in the middle, or before its last byte."""
        self._tamper(
            tmp_path,
            lambda content: (content[:size] for size in sorted({0, len(content) // 2, max(len(content) - 2, 0)})),
        )

    def test_huge_numbers_end_well(self, tmp_path: Path) -> None:
        """Every number of a document is larger than a float can hold, or than 64 bits."""
        self._tamper(
            tmp_path,
            lambda content: (re.sub(rb'\d+(\.\d+)?', text, content) for text in (b'1e308', b'9' * 400, b'-1')),
        )

    def test_deep_nesting_ends_well(self, tmp_path: Path) -> None:
        """Brackets and elements within each other, a hundred thousand levels deep."""
        texts = b'[' * _DEPTH, b'{"a":' * _DEPTH, b'<a>' * _DEPTH
        self._tamper(tmp_path, lambda content: iter(texts))

    def test_odd_encodings_end_well(self, tmp_path: Path) -> None:
        """Bytes that are not UTF-8, zero bytes, UTF-16, a byte order mark, and lines that end as in Windows."""
        self._tamper(tmp_path, _reencoded)

    def test_links_that_lead_out_are_not_followed(self, tmp_path: Path) -> None:
        """Each file is replaced by a link to a file outside of the dataset, whose content must not arrive."""
        self.require_read()
        self._require_time()
        made = self.dataset(tmp_path / 'own')['path']
        with _Tampered(self, made, tmp_path / 'wrong') as tampered:
            for file in _chosen(made, images=True):
                tampered.check(file, 'a link that leads out', lambda path: path.symlink_to(tampered.outside))

    def _require_time(self) -> None:
        if not self.fuzz_seconds:
            raise SkipTest('`fuzz_seconds` is 0')

    def _tamper(self, folder: Path, changes: Callable[[bytes], Iterator[bytes]]) -> None:
        self.require_read()
        self._require_time()
        made = self.dataset(folder / 'own')['path']
        with _Tampered(self, made, folder / 'wrong') as tampered:
            for file in _chosen(made):
                for number, content in enumerate(changes((made / file).read_bytes()), 1):
                    tampered.check(file, f'change {number}', partial(Path.write_bytes, data=content))


class _Tampered:
    """Checks copies of a dataset in which one file is replaced, in a process that may hang or crash."""

    def __init__(self, case: FormatCase, dataset: Path, folder: Path) -> None:
        self.dataset = dataset
        self.folder = folder / 'tried'
        self.outside = self.folder / OUTSIDE
        self.target = next(name for name in TARGETS if name != case.format.name)
        folder.mkdir(parents=True)
        self._sandbox = Sandbox(RobustnessCheck(case.format), folder)

    def __enter__(self) -> _Tampered:
        return self

    def __exit__(self, *error: object) -> None:
        self._sandbox.stop()

    def check(self, file: Path, what: str, replace: Callable[[Path], object]) -> None:
        """Replace a file, and check that reading, inspecting and converting end well."""
        shutil.rmtree(self.folder, ignore_errors=True)
        source = self.folder / self.dataset.name
        shutil.copytree(self.dataset, source, symlinks=True)
        self.outside.write_text('{"secret": true}')
        # The copy may share the file with others.
        (source / file).unlink()
        replace(source / file)
        try:
            findings = [*map(str, self._sandbox(source, self.target, self.folder / 'made' / 'out'))]
        except WorkerDied as error:
            findings = [f'{error.how}: {error}']
        problems = '\n'.join(findings)
        assert not findings, f'{file}, {what}:\n{problems}\nthe dataset is kept at {source}'


def _chosen(dataset: Path, *, images: bool = False) -> list[Path]:
    """The first documents of a dataset, of each suffix; with `images`, images too."""
    files = sorted(path.relative_to(dataset) for path in dataset.rglob('*') if path.is_file())
    wanted = [file for file in files if images or file.suffix.lower() not in _IMAGES]
    first = {file.suffix: file for file in reversed(wanted)}
    return [*first.values(), *(file for file in wanted if file not in first.values())][:_DOCUMENTS]


def _reencoded(content: bytes) -> Iterator[bytes]:
    yield b'\xff\xfe\xfd' + content
    yield content.replace(b' ', b'\0')
    yield content.decode(errors='replace').encode('utf-16')
    yield b'\xef\xbb\xbf' + content.replace(b'\n', b'\r\n')
