"""Tests of a format: names of images and classes, as real datasets have them and as an attacker chooses them.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synapse_hooks.data import AnyAnnotation, Sample
from synapse_hooks.testing.format_checks.case import FormatCase
from synapse_hooks.testing.hard_samples import named_like
from synapse_hooks.testing.samples import CLASSES


class Names(FormatCase):
    """Names of images and classes, as real datasets have them and as an attacker chooses them."""

    def test_names_beyond_ascii_are_kept(self, tmp_path: Path) -> None:
        """Composed and decomposed letters, other scripts, an emoji, a direction mark."""
        self._check_names(['größe', 'gro\u0308ße', '승용차', '猫', '🦓', '\u202egnp.exe'], tmp_path)

    def test_names_with_special_characters_are_kept(self, tmp_path: Path) -> None:
        """Spaces, quotes, and characters that separate in CSV, XML, YAML, URLs and shells."""
        names = ['a b', "it's", 'semi;colon', 'com,ma', 'amp&lt;', '100%25', 'hash#tag', 'eq=2', '[0]', '{x}', '$HOME']
        self._check_names([*names, '-dash', '~tilde', 'a.b.c', 'null', '007', 'true'], tmp_path)

    def test_names_with_control_characters_are_written(self, tmp_path: Path) -> None:
        """Line breaks, tabs, escapes and what Windows forbids may be replaced; nothing is lost."""
        self._check_names(['two\nlines', 'carriage\rreturn', 'tab\tbed', 'bell\x07', '\x1b[31mred', 'a:b*c?'], tmp_path)

    def test_names_that_lead_out_stay_inside(self, tmp_path: Path) -> None:
        """`..`, absolute paths and backslashes: nothing is written outside of the dataset."""
        names = ['../../outside', '/absolute/path', '..', 'a/../../b', 'C:\\windows\\a', '..\\c', './d', 'e//f']
        self._check_names(names, tmp_path)
        outside = [name for name in ('outside.png', 'b.png', 'c.png') if [*tmp_path.parent.glob(name)]]
        assert not outside, f'it wrote {outside} outside of its folder'

    def test_hidden_names_are_kept(self, tmp_path: Path) -> None:
        """Names and folders that begin with a dot, which many readers leave out."""
        self._check_names(['.hidden', '.folder/a', '...'], tmp_path)

    def test_long_names_are_kept(self, tmp_path: Path) -> None:
        """As long as file systems allow, longer, and deep folders."""
        self._check_names(['n' * 200, 'é' * 120, 'd/' * 40 + 'deep', 'x' * 300], tmp_path)

    def test_one_name_in_two_folders_is_two_images(self, tmp_path: Path) -> None:
        """As cameras name them: `left/0001` and `right/0001`, and one in another split."""
        samples = self._named(['left/0001', 'right/0001', '0001', 'left_0001'], tmp_path)
        samples[2].split = 'valid'
        self.check_hard(samples, tmp_path)

    def test_names_that_differ_in_case_are_two_images(self, tmp_path: Path) -> None:
        """`IMG_1` and `img_1`."""
        self._check_names(['IMG_1', 'img_1', 'Img_1'], tmp_path)

    def test_names_of_its_own_files_are_kept(self, tmp_path: Path) -> None:
        """Images that are called like the files and folders of the format itself."""
        own = [file for file in self._made(tmp_path / 'own').rglob('*') if file.suffix not in ('.png', '.bmp')]
        self._check_names(sorted({file.stem for file in own if not file.stem.startswith('.')})[:12], tmp_path)

    def test_odd_names_of_classes_are_kept(self, tmp_path: Path) -> None:
        """Names that YAML, CSV or XML read as something else, and such as belong to paths."""
        names = [
            'null',
            'yes',
            '1e3',
            '007',
            'a, b',
            ' lead',
            'a: b',
            '- c',
            '#d',
            '"e"',
            "f'",
            '<g>',
            '&h',
            'i/j',
            '😀',
        ]
        self._check_classes([*names, '.', '..', 'two\nlines', 'K' * 300, '-', 'train'], tmp_path)

    def test_classes_that_differ_in_case_are_two(self, tmp_path: Path) -> None:
        """`Car` and `car`, also where classes are folders."""
        self._check_classes(['Car', 'car', 'CAR'], tmp_path)

    def _named(self, names: Sequence[str], folder: Path) -> list[Sample]:
        return named_like(self.samples(folder / 'like'), folder / 'named', names)

    def _check_names(self, names: Sequence[str], folder: Path) -> None:
        self.check_hard(self._named(names, folder), folder)

    def _made(self, folder: Path) -> Path:
        return self.converted(self.samples(folder / 'images'), folder / 'out').path

    def _check_classes(self, names: Sequence[str], folder: Path) -> None:
        samples = self._named([f'class-{place}' for place in range(len(names))], folder)
        for sample, name in zip(samples, names, strict=True):
            sample.annotations = [_labelled(annotation, name) for annotation in sample.annotations]
        self.check_hard(samples, folder, classes=[*CLASSES, *names])


def _labelled(annotation: AnyAnnotation, name: str) -> AnyAnnotation:
    annotation.label = name
    return annotation
