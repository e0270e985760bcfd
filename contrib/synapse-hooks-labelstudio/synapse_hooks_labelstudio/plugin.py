"""The hook `export`: a project of a Label Studio server, with its images, as a dataset of the format `labelstudio`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks import hookimpl
from synapse_hooks.context import Dataset, TrainContext
from synapse_hooks.errors import BackendError, BackendUnavailable, DatasetInvalid
from synapse_hooks.storage import link_or_copy
from synapse_hooks_labelstudio.settings import SCHEME, Settings, project_of
from synapse_hooks_labelstudio.tasks import Task, raw_tasks

TASKS: Final = 'tasks.json'
IMAGES: Final = 'images'
_FOLDER: Final = 'labelstudio'
"""Below the run directory: what has been downloaded, until the export is complete."""


class LabelStudioExport:
    """Exports datasets named `labelstudio:ID`."""

    @hookimpl
    def export(self, context: TrainContext) -> Dataset | None:
        """The tasks of the project and their images. Other datasets are not answered for."""
        name = context.params.get('dataset')
        if not isinstance(name, str) or not name.startswith(SCHEME):
            return None
        from synapse_hooks_labelstudio.images import Wanted, download_images
        from synapse_hooks_labelstudio.server import Server, repeated

        project, settings = project_of(name), Settings.of(context.settings)
        kept, out = context.run_dir / _FOLDER, context.output_dir

        def progress(done: int, total: int, received: int) -> None:
            context.set_progress(done, total, 'export', transferred=received)

        with Server(settings) as server:
            raws = repeated(lambda: _tasks(server.export(project), name))
            tasks: list[tuple[dict[str, Any], Wanted]] = []
            for raw in raws:
                task, content = msgspec.json.decode(raw, type=Task), msgspec.json.decode(raw, type=dict[str, Any])
                try:
                    tasks.append((content, Wanted(_number(task), task.image)))
                except ValueError as error:
                    context.log_message(f'{task.name} is left out: {error}', level='warning', code='labelstudio-task')
            if not tasks:
                hint = 'annotate some; with `unannotated = true` the others are exported, too'
                raise BackendError(f'{name} has no annotated tasks', hint=hint)
            files = download_images(server, [wanted for _, wanted in tasks], kept, progress)
        _write(tasks, files, out)
        shutil.rmtree(kept, ignore_errors=True)
        return {'path': out, 'format': 'labelstudio'}


plugin = LabelStudioExport()
"""What the entry point names. It imports httpx when a dataset is on a server."""


def _tasks(chunks: Any, name: str) -> list[msgspec.Raw]:
    try:
        return [*raw_tasks(b''.join(chunks), Path(name))]
    except DatasetInvalid as error:
        # The server does not say how long its answer is: what ends too early is not JSON.
        raise BackendUnavailable(f'{name}: the export is not complete: {error.problem}', hint='try again') from error


def _number(task: Task) -> int:
    if type(task.id) is not int or task.id < 0:
        raise ValueError(f'its id must be a number, got {task.id!r}')
    return task.id


def _write(tasks: list[tuple[dict[str, Any], Any]], files: list[Path], out: Path) -> None:
    """The tasks, with the places of their images."""
    (out / IMAGES).mkdir()
    with (out / TASKS).open('wb') as document:
        document.write(b'[')
        for number, ((content, wanted), file) in enumerate(zip(tasks, files, strict=True)):
            place = f'{IMAGES}/{file.name}'
            link_or_copy(file, out / place)
            data = {key: place if value == wanted.address else value for key, value in content['data'].items()}
            document.write(b',\n' if number else b'\n')
            document.write(msgspec.json.encode({**content, 'data': data}))
        document.write(b'\n]\n')
