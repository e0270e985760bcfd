"""A workspace, and a small dataset in DM layout."""

from pathlib import Path

import pytest

from synapse_hooks.backends import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / 'workspace')


@pytest.fixture
def dm(tmp_path: Path) -> Path:
    """Two splits, three items: the splits are called as some people call them."""
    root = tmp_path / 'dm'
    for split, stem in (('train', 'a'), ('train', 'b'), ('validation', 'c')):
        for part, name, content in (
            ('json', f'{stem}.json', '{"images": [{}]}'),
            ('original_files', f'{stem}.jpg', stem),
        ):
            path = root / split / part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    return root


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / 'run' / 'last.pt'
    path.parent.mkdir()
    path.write_bytes(b'weights')
    return path
