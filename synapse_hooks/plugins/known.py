"""The plugins that are developed together with synapse-hooks: names, and the distributions that have them.

Written by docs/generate.py from contrib/*/pyproject.toml: type `make docs`.
"""

from __future__ import annotations

from typing import Final

KNOWN: Final = {
    'createml': 'synapse-hooks-createml',
    'cvat': 'synapse-hooks-cvat',
    'kitti': 'synapse-hooks-kitti',
    'labelme': 'synapse-hooks-labelme',
    'labelstudio': 'synapse-hooks-labelstudio',
    'lightning': 'synapse-hooks-lightning',
    'mlflow': 'synapse-hooks-mlflow',
    'openimages': 'synapse-hooks-openimages',
    'pytorch_lightning': 'synapse-hooks-lightning',
    'ray': 'synapse-hooks-ray',
    'sdk-compat': 'synapse-hooks-sdk-compat',
    'sklearn': 'synapse-hooks-sklearn',
    'tensorboard': 'synapse-hooks-tensorboard',
    'transformers': 'synapse-hooks-transformers',
    'voc': 'synapse-hooks-voc',
    'wandb': 'synapse-hooks-wandb',
}
"""The distribution of each name: the end of its own name, and the names of its plugins."""
