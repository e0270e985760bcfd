"""It takes its time to import, talks while it does, and leaves a trace if ACME_SLOW_TRACE names a file."""

import os
import time
from pathlib import Path

from synapse_hooks import hookimpl

print('acme-slow: warming up')
if 'ACME_SLOW_TRACE' in os.environ:
    Path(os.environ['ACME_SLOW_TRACE']).write_text('imported', encoding='utf-8')
time.sleep(0.3)


@hookimpl
def convert(context, target_format):
    if target_format != 'slow':
        return None
    (context.output_dir / 'slow.txt').write_text('slow', encoding='utf-8')
    return {'path': context.output_dir, 'format': 'slow'}
