"""synapse-hooks on a Ray cluster.

cluster.py   ->  executor.py     the parts of a conversion as tasks

project.py, shipping.py          what is sent to the nodes
guard.py -> child.py, storage.py -> worker.py -> actors.py -> following.py -> launcher.py     runs

Importing the package imports no Ray: it takes a second, and is needed by commands that use a cluster only.
"""
