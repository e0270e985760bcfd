"""Formats that fail when they are used: `moody` raises, `vague` answers with what is no dataset."""

from synapse_hooks import hookimpl


@hookimpl
def convert(target_format):
    if target_format == 'moody':
        raise RuntimeError('not on a Monday')
    return 'somewhere' if target_format == 'vague' else None
