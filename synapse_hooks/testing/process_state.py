"""What a plugin shares with everything else in a process, to compare it before and after."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any


def process_state() -> dict[str, Any]:
    """Working directory, environment, import path, signal handlers, root logger, streams and the random generator."""
    return {
        'the working directory': Path.cwd(),
        'os.environ': dict(os.environ),
        'sys.path': [*sys.path],
        'signal handlers': {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)},
        'the root logger': ([*logging.root.handlers], logging.root.level),
        'sys.stdout and sys.stderr': (sys.stdout, sys.stderr),
        'the state of random': random.getstate(),
    }
