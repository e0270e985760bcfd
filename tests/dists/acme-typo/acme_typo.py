"""Three hooks, and something is wrong with each."""

from synapse_hooks import hookimpl


@hookimpl
def pre_excute(context):
    return None


@hookimpl
def upload(contxt, result):
    return None


@hookimpl(wrapper=True)
def run_finished(outcome):
    return (yield)
