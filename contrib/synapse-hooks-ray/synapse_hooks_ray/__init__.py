"""synapse-hooks on a Ray cluster.

access.py -> cluster.py                           connecting to a cluster
tasks.py -> executor.py                           the parts of a conversion, as tasks
project.py -> shipping.py -> connection.py        what is sent to the nodes
guard.py -> child.py -> run_process.py            the process of a run, on a node
segments.py -> storage.py -> keeper.py            a run directory at a URL
worker.py -> actors.py -> following.py            a run: the actor, and the driver that follows it
space.py -> methods.py, trial.py -> observing.py -> search.py      a search, by Ray Tune
launcher.py                                       runs and searches, as plugins

Importing the package imports no Ray: it takes a second, and is needed by commands that use a cluster only.
"""
