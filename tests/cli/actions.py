"""Actions without a training framework, for projects under test."""

import os
import time

from synapse_hooks import BaseTrainAction, BaseTrainParams


class Params(BaseTrainParams):
    epochs: int = 1


class Count(BaseTrainAction[Params]):
    """Trains nothing: looks at its data, writes a file, and talks on stdout all the time."""

    target_format = os.environ.get('TARGET_FORMAT')

    def execute(self, data_path, checkpoint):
        print('training', data_path)
        os.write(1, b'and something below Python talks too\n')
        weights = self.context.output_dir / 'weights.json'
        weights.write_text('{}')
        seen = data_path.read_text() if data_path.is_file() else sorted(file.name for file in data_path.iterdir())
        return {'weights_path': weights, 'seen': seen, 'epochs': self.params.epochs}


class Nearest(Count):
    """Answers `convert` itself, and asks the next one."""

    target_format = 'names'

    def convert(self, context, dataset, target_format):
        made = super().convert(context, dataset, target_format)
        made['config_path'].write_text('by the action, then ' + made['config_path'].read_text())
        return made


class Patient(Count):
    """Waits for a file."""

    def execute(self, data_path, checkpoint):
        (data_path / 'started').touch()
        while not (data_path / 'go').exists():
            time.sleep(0.01)
        return super().execute(data_path, checkpoint)


class Autologged(Count):
    def execute(self, data_path, checkpoint):
        with self.autolog(os.environ['FRAMEWORK']):
            import acme_fit

            acme_fit.fit(self.params.epochs)
        return {'attached': len(acme_fit.listeners)}


class Failing(Count):
    def execute(self, data_path, checkpoint):
        raise ValueError('the moon is in the wrong phase')


class Unfinished(BaseTrainAction[Params]):
    """Nobody wrote its `execute`."""


class NoAction:
    pass
