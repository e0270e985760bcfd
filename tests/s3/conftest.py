"""An environment with s3fs and moto, which pip installs from the package index: once in a session.

It stays for later sessions in the folder that the variable S3_ENVIRONMENT names.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.environments import Environment, shared_folder, with_distribution

REQUIREMENTS = ('s3fs>=2024.6', 'moto[server]>=5')


@pytest.fixture(scope='session')
def s3_environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With s3fs, moto's server and the wheel of synapse-hooks-s3. The test is skipped where pip cannot install them."""
    shared = shared_folder(tmp_path_factory)
    root = Path(os.environ.get('S3_ENVIRONMENT', shared / 's3'))
    return with_distribution('synapse-hooks-s3', REQUIREMENTS, root, shared)
