"""The autologger for it."""

from contextlib import contextmanager

from synapse_hooks import hookimpl


class FitAutologger:
    @hookimpl
    def autolog(self, framework, session):
        return self._attached(session) if framework == 'acme-fit' else None

    @contextmanager
    def _attached(self, session):
        import acme_fit

        def listener(epoch, losses):
            with session.guard('epoch'):
                session.log_metrics(losses, phase='train', step=epoch)

        acme_fit.listeners.append(listener)
        try:
            yield
        finally:
            acme_fit.listeners.remove(listener)
