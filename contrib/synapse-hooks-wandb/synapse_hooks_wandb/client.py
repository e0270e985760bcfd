"""The helper process, as the sink sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from synapse_hooks.errors import BackendError, SinkUnavailable
from synapse_hooks_wandb.settings import Settings

_CLOSING: Final = 8.0
"""Seconds to wait for the helper at the end: `sink_closed` may take ten."""


class Helper:
    """Passes events to a helper process, which is started with the first one.

    Args:
        run_dir: The run directory.
        settings: What wandb is used for.
    """

    def __init__(self, run_dir: Path, settings: Settings) -> None:
        self._common = {'run_dir': str(run_dir), 'settings': asdict(settings)}
        self._process: subprocess.Popen[bytes] | None = None

    def take(self, hook: str, events: Sequence[Any]) -> list[str]:
        """Let the helper log events.

        Args:
            hook: The hook that they came by.
            events: The events.

        Returns:
            What could not be logged, for people.

        Raises:
            SinkUnavailable: wandb cannot be reached, or the helper has ended.
            BackendError: wandb has refused the events.
        """
        answer = self._ask({**self._common, 'hook': hook, 'events': list(events)})
        if answer.get('ended'):
            self.close()
        if 'unavailable' in answer:
            raise SinkUnavailable(f'wandb: {answer["unavailable"]}')
        if 'error' in answer:
            raise BackendError(f'wandb: {answer["error"]}')
        return list(answer.get('warnings', ()))

    def close(self) -> None:
        """Let the helper finish. One that takes longer than some seconds, to upload, finishes by itself."""
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.write(json.dumps({**self._common, 'hook': 'close'}).encode() + b'\n')
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_CLOSING)
        process.stdout.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._process is None:
            self._process = subprocess.Popen(
                # Without the working directory, in which wandb may have a folder of its name.
                [sys.executable, '-P', '-m', 'synapse_hooks_wandb.helper'],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Ctrl-C and the end of a terminal are for the training.
                start_new_session=True,
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b'\n')
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = b''
        if not line:
            self._process = None
            raise SinkUnavailable(f'the helper process for wandb ended with code {process.wait()}')
        answer: dict[str, Any] = json.loads(line)
        return answer
