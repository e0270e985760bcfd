"""`python -m synapse_hooks.cli`."""

import sys

from synapse_hooks.cli import main

sys.exit(main())
