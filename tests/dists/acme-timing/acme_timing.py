"""How long every step took, written into the run directory when the run is over."""

import json
import time

from synapse_hooks import hookimpl


class Timing:
    def __init__(self):
        self.seconds = {}

    @hookimpl(wrapper=True)
    def run_step(self, step):
        started = time.perf_counter()
        try:
            return (yield)
        finally:
            self.seconds[step.name] = time.perf_counter() - started

    @hookimpl
    def cleanup(self, context, outcome):
        report = json.dumps({'outcome': outcome, 'seconds': self.seconds})
        (context.run_dir / 'timing.json').write_text(report, encoding='utf-8')


timing = Timing()
