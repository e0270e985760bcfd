"""The plugins that are developed together with synapse-hooks.

Written by docs/generate.py from contrib/*/pyproject.toml: type `make docs`.
"""

from __future__ import annotations

from typing import Final

from synapse_hooks.plugins.records import Kind

DISTRIBUTIONS: Final = (
    'synapse-hooks-createml',
    'synapse-hooks-cvat',
    'synapse-hooks-kitti',
    'synapse-hooks-labelme',
    'synapse-hooks-labelstudio',
    'synapse-hooks-lightning',
    'synapse-hooks-mlflow',
    'synapse-hooks-openimages',
    'synapse-hooks-ray',
    'synapse-hooks-s3',
    'synapse-hooks-sdk-compat',
    'synapse-hooks-sklearn',
    'synapse-hooks-tensorboard',
    'synapse-hooks-transformers',
    'synapse-hooks-voc',
    'synapse-hooks-wandb',
)
"""The distributions."""

KNOWN: Final[dict[Kind, dict[str, str]]] = {
    'autologger': {
        'lightning': 'synapse-hooks-lightning',
        'pytorch-lightning': 'synapse-hooks-lightning',
        'sklearn': 'synapse-hooks-sklearn',
        'transformers': 'synapse-hooks-transformers',
    },
    'executor': {
        'ray': 'synapse-hooks-ray',
    },
    'format': {
        'createml': 'synapse-hooks-createml',
        'cvat': 'synapse-hooks-cvat',
        'kitti': 'synapse-hooks-kitti',
        'labelme': 'synapse-hooks-labelme',
        'labelstudio': 'synapse-hooks-labelstudio',
        'openimages': 'synapse-hooks-openimages',
        'voc': 'synapse-hooks-voc',
    },
    'launcher': {
        'ray': 'synapse-hooks-ray',
    },
    'plugin': {
        'labelstudio-export': 'synapse-hooks-labelstudio',
        'mlflow': 'synapse-hooks-mlflow',
        's3': 'synapse-hooks-s3',
        'tensorboard': 'synapse-hooks-tensorboard',
        'wandb': 'synapse-hooks-wandb',
    },
}
"""By kind and name of a plugin, the distribution that has it. Names are normalized."""
