"""The plugin: what the hooks of synapse-hooks do in S3."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synapse_hooks import hookimpl
from synapse_hooks.context import Dataset, Model, TrainContext
from synapse_hooks_s3.settings import SCHEME, Address, Settings


class S3Plugin:
    """Exports datasets named `s3://BUCKET/PREFIX`, and uploads models where the setting `models` says."""

    @hookimpl
    def export(self, context: TrainContext) -> Dataset | None:
        """The objects below the address, as a dataset in `context.output_dir`. Other datasets are not answered for."""
        name = context.params.get('dataset')
        if not isinstance(name, str) or not name.startswith(SCHEME):
            return None
        settings, place = Settings.of(context.settings), Address.parse(name, 'dataset')
        from synapse_hooks_s3.bucket import Bucket
        from synapse_hooks_s3.export import download

        def progress(done: int, total: int, received: int) -> None:
            context.set_progress(done, total, 'export', transferred=received)

        digest, received = download(Bucket(settings), place, context.output_dir, progress)
        context.log_message(f'{place}: {received:,} bytes were downloaded', code='s3-export')
        if settings.format is not None:
            return {'path': context.output_dir, 'format': settings.format, 'digest': digest}
        return {**context.find_dataset(context.output_dir), 'digest': digest}

    @hookimpl
    def upload(self, context: TrainContext) -> Model | None:
        """Upload the trained model, where the setting `models` names a place."""
        settings = Settings.of(context.settings)
        if settings.models is None:
            return None
        from synapse_hooks_s3.bucket import Bucket
        from synapse_hooks_s3.upload import upload_model

        assert context.model_path is not None, 'the step calls this hook for a model only'
        name = context.runtime_ctx.run_name or context.run_dir.name
        facts = {'run': context.run_dir.name, 'dataset': _name_of(context.params)}
        model, sent = upload_model(Bucket(settings), settings.models, Path(context.model_path), name, facts)
        context.log_message(f'{model["id"]}: {"uploaded" if sent else "it is there already"}', code='s3-upload')
        return model


def _name_of(params: Mapping[str, Any]) -> str | None:
    dataset = params.get('dataset')
    return None if dataset is None else str(dataset)
