"""What a run uses of its machine, every few seconds: processor, memory, disk, GPUs, as `system` events.

On Linux it is read from /proc; elsewhere only the disk is known. GPUs of NVIDIA are read through NVML where the
package `nvidia-ml-py` is installed. What cannot be read is left out: figures that only describe a run never fail it.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from synapse_hooks.context import Recorder
from synapse_hooks.steps.processes import descendants

_PROC: Final = Path('/proc')
_DRIVER: Final = Path('/proc/driver/nvidia')


@contextmanager
def recorded_system_figures(recorder: Recorder, run_dir: Path, seconds: float) -> Iterator[None]:
    """Record figures while the block runs, the first after `seconds`; 0 is never.

    Args:
        recorder: Takes `system` events.
        run_dir: The disk of this folder is meant.
        seconds: The time between two events.
    """
    if not seconds:
        yield
        return
    ended = threading.Event()

    def record() -> None:
        figures = SystemFigures(run_dir)
        while not ended.wait(seconds):
            # A thread that only watches: whatever a driver raises, it ends alone.
            with suppress(Exception):
                values = figures.read()
                recorder.record('system', {'seconds': round(figures.seconds, 3), 'values': values})

    thread = threading.Thread(target=record, name='system-figures', daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # The end of the run comes after its figures, unless a driver hangs.
        thread.join(1.0)


class SystemFigures:
    """Reads the figures of this process with those that it started, and of the machine.

    Args:
        run_dir: The disk of this folder is meant.

    Example:
        >>> figures = SystemFigures(Path())
        >>> figures.read()['disk_free'] > 0
        True
    """

    def __init__(self, run_dir: Path) -> None:
        self.seconds = 0.0
        """How long after the beginning the last figures were read."""
        self._run_dir = run_dir
        self._began = self._before = time.monotonic()
        self._ticks, self._page = os.sysconf('SC_CLK_TCK'), os.sysconf('SC_PAGE_SIZE')
        self._nvml, self._gpus = _gpus()
        self._own, _ = self._processes()
        self._machine = _machine_time()

    def read(self) -> dict[str, float]:
        """The figures by name, as far as they are known.

        `cpu_percent` and `memory_percent` are those of the machine, `process_cpu_percent` is 100 for each processor
        that this process and its descendants kept busy since the last time; `process_memory` is the sum of what they
        have in memory, with what they share counted for each. `memory_used`, `process_memory`, `disk_free` and
        `gpu0_memory_used` are bytes, `gpu0_power` watts, `gpu0_temperature` degrees Celsius.
        """
        now = time.monotonic()
        passed, self._before = max(now - self._before, 1e-6), now
        self.seconds = now - self._began
        values: dict[str, float] = {}
        with suppress(OSError, ValueError, IndexError, KeyError, ZeroDivisionError):
            before, self._machine = self._machine, _machine_time()
            busy, total = (new - old for new, old in zip(self._machine, before, strict=True))
            values['cpu_percent'] = 100 * busy / total if total else 0.0
            before_own = self._own
            self._own, memory = self._processes()
            # A child that ends without being waited for takes its time with it.
            values['process_cpu_percent'] = 100 * max(0.0, self._own - before_own) / passed
            values['process_memory'] = memory
            values |= _memory()
        # Some file systems say that they have no blocks.
        with suppress(OSError, ZeroDivisionError):
            disk = shutil.disk_usage(self._run_dir)
            values |= {'disk_percent': 100 * disk.used / disk.total, 'disk_free': disk.free}
        for number, gpu in enumerate(self._gpus):
            for name, value in _gpu_figures(self._nvml, gpu):
                values[f'gpu{number}_{name}'] = value
        return {name: round(float(value), 2) for name, value in values.items()}

    def _processes(self) -> tuple[float, float]:
        """Seconds of processor time, and bytes of memory, of this process and its descendants."""
        ticks = pages = 0
        for pid in (os.getpid(), *(pid for pid, _ in descendants())):
            with suppress(OSError, ValueError, IndexError):
                fields = (_PROC / str(pid) / 'stat').read_text(errors='replace').rpartition(')')[2].split()
                ticks += sum(map(int, fields[11:15]))
                pages += int(fields[21])
        return ticks / self._ticks, pages * self._page


def _machine_time() -> tuple[int, int]:
    """Ticks in which the processors were busy, and all ticks."""
    with suppress(OSError, ValueError, IndexError):
        ticks = [int(word) for word in (_PROC / 'stat').read_text().split('\n', 1)[0].split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)
    return 0, 0


def _memory() -> dict[str, float]:
    lines = (_PROC / 'meminfo').read_text().splitlines()
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(':') for line in lines) if rest}
    total, free = kilobytes['MemTotal'], kilobytes['MemAvailable']
    return {'memory_percent': 100 * (total - free) / total, 'memory_used': 1024 * (total - free)}


def _gpus() -> tuple[Any, list[Any]]:
    """NVML and its GPUs; none without a driver, or without the package."""
    if _DRIVER.exists():
        # Whatever a driver that does not fit its library raises.
        with suppress(Exception):
            import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]

            pynvml.nvmlInit()
            return pynvml, [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
    return None, []


def _gpu_figures(nvml: Any, gpu: Any) -> Iterator[tuple[str, float]]:
    # Not every GPU knows everything.
    with suppress(Exception):
        yield 'percent', nvml.nvmlDeviceGetUtilizationRates(gpu).gpu
    with suppress(Exception):
        memory = nvml.nvmlDeviceGetMemoryInfo(gpu)
        yield 'memory_used', memory.used
        yield 'memory_percent', 100 * memory.used / memory.total
    with suppress(Exception):
        yield 'temperature', nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU)
    with suppress(Exception):
        yield 'power', nvml.nvmlDeviceGetPowerUsage(gpu) / 1000
