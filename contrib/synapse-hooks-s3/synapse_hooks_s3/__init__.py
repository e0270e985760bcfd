"""Datasets from S3 and models to S3: the hooks `export` and `upload` of synapse-hooks.

settings.py -> bucket.py -> cache.py -> export.py -> plugin.py     a dataset: listed, downloaded, linked
                   |                    upload.py                  a model: files, then its manifest
                etags.py                                           what an ETag says of the content
"""

from __future__ import annotations

from synapse_hooks_s3.plugin import S3Plugin

__all__ = ['S3Plugin', 'plugin']

plugin = S3Plugin()
"""What the entry point names. It imports s3fs when a dataset or a model is in S3."""
