"""The plugins that are developed together with synapse-hooks: names, and the distributions that have them.

Written by docs/generate.py from contrib/*/pyproject.toml: type `make docs`.
"""

from __future__ import annotations

from typing import Final

KNOWN: Final = {
    'createml': 'synapse-hooks-createml',
    'cvat': 'synapse-hooks-cvat',
    'labelme': 'synapse-hooks-labelme',
    'lightning': 'synapse-hooks-lightning',
    'mlflow': 'synapse-hooks-mlflow',
    'pytorch_lightning': 'synapse-hooks-lightning',
    'ray': 'synapse-hooks-ray',
    'tensorboard': 'synapse-hooks-tensorboard',
    'transformers': 'synapse-hooks-transformers',
    'voc': 'synapse-hooks-voc',
    'wandb': 'synapse-hooks-wandb',
}
"""The distribution of each name: the end of its own name, and the names of its plugins."""
