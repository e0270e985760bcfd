"""Tests of a format: what it declares, and which datasets it recognises.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

from pathlib import Path
from unittest import SkipTest

from synapse_hooks.context import Dataset
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.formats import BUILTIN, BaseFormat
from synapse_hooks.safe_text import summary
from synapse_hooks.testing.conversion import builtin_format, convert_dataset, open_dataset
from synapse_hooks.testing.format_checks.case import FormatCase
from synapse_hooks.testing.plugins import check_plugin
from synapse_hooks.testing.samples import small_samples


class Declaring(FormatCase):
    """What a format declares, and which datasets it recognises."""

    def test_it_is_a_valid_plugin(self) -> None:
        """Its hooks are valid, it has a name, and it can be read or written."""
        check_plugin(self.format, 'format')

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
        self.require_read()
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
