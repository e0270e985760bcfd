"""synapse-hooks on a Ray cluster.

cluster.py   ->  executor.py     the parts of a conversion as tasks

Importing the package imports no Ray: it takes a second, and is needed by commands that use a cluster only.
"""
