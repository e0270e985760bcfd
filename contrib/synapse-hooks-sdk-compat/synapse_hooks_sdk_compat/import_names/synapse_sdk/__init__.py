"""The import names of synapse-sdk for training, by synapse-hooks-sdk-compat. Every object is one of synapse-hooks."""

import sys

from synapse_hooks_sdk_compat import start

start(sys.modules[__name__])
