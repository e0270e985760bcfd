"""What stages edit in place is theirs: neither the workspace nor the user's own dataset changes with it."""

import os
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl
from synapse_hooks.storage import tree_digest
from synapse_hooks.testing import run_action, small_dataset


def edit_documents(folder: Path) -> None:
    """Write into every document, and put the times back, as if nothing had happened."""
    documents = list(folder.rglob('*.json'))
    assert documents
    for document in documents:
        found = document.stat()
        with document.open('r+b') as file:
            file.seek(0, os.SEEK_END)
            file.write(b'\n')
        os.utime(document, ns=(found.st_atime_ns, found.st_mtime_ns))


class EditsBefore:
    """Edits what is about to be converted, and leaves the conversion to the next plugin."""

    @hookimpl
    def convert(self, context: Any, dataset: Any, target_format: str) -> None:
        edit_documents(Path(dataset['path']))


class EditsAfter:
    """Edits what has been converted, and what was exported."""

    @hookimpl
    def pre_execute(self, context: Any) -> None:
        edit_documents(context.run_dir / 'stages' / 'export')
        edit_documents(context.run_dir / 'stages' / 'convert')


class Untouched(BaseTrainAction[BaseTrainParams]):
    """Trains on COCO, whose documents are JSON, too."""

    target_format = 'coco'

    def execute(self, data_path: Path, checkpoint: Any) -> None:
        """Nothing."""


class EditsItself(BaseTrainAction[BaseTrainParams]):
    """Trains on the export as it is, and edits it."""

    def execute(self, data_path: Path, checkpoint: Any) -> None:
        """Edit it."""
        edit_documents(data_path)


@pytest.mark.parametrize(
    ('action', 'plugins'), [(Untouched, [EditsBefore()]), (Untouched, [EditsAfter()]), (EditsItself, [])]
)
def test_a_stage_that_edits_documents_in_place_changes_its_own_only(
    tmp_path: Path, action: type[BaseTrainAction[BaseTrainParams]], plugins: list[object]
) -> None:
    source = small_dataset(tmp_path / 'source')
    before = tree_digest(tmp_path / 'source')
    run = run_action(action, dataset=source, plugins=plugins, folder=tmp_path / 'place')
    record = run.workspace.get_dataset(1)
    assert tree_digest(run.run_dir / 'stages' / 'export') != record['digest']
    assert tree_digest(Path(record['path'])) == record['digest']
    assert tree_digest(tmp_path / 'source') == before
    (tmp_path / 'again').mkdir()
    run.workspace.export_dataset(1, tmp_path / 'again')
    assert tree_digest(tmp_path / 'again') == record['digest']
