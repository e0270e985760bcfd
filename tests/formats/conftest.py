"""What the tests of formats share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.formats.format_kit import SAMPLES, Converter


@pytest.fixture
def converter(tmp_path: Path) -> Converter:
    return Converter(tmp_path)


@pytest.fixture
def sample_dm(tmp_path: Path) -> Path:
    """The sample documents and their images, without splits."""
    root = tmp_path / 'dm'
    for folder in ('json', 'original_files'):
        (root / folder).mkdir(parents=True)
        for file in (SAMPLES / folder).iterdir():
            (root / folder / file.name).write_bytes(file.read_bytes())
    return root
