"""YOLO as ultralytics trains it: `dataset.yaml`, `images/<split>/`, `labels/<split>/`, for all of its tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from synapse_hooks.formats.base import BaseFormat
from synapse_hooks.formats.yolo.config import config_files, read_config
from synapse_hooks.formats.yolo.exports import is_export_file

if TYPE_CHECKING:
    from synapse_hooks.conversion.read_context import ReadContext
    from synapse_hooks.conversion.write_context import WriteContext
    from synapse_hooks.formats.yolo.sink import YoloSink
    from synapse_hooks.formats.yolo.source import YoloSource

__all__ = ['YoloFormat']


class YoloFormat(BaseFormat):
    """Writes what the training is for: `target_task`, else what most annotations are.

    A label file never mixes tasks. Polygons of several rings are joined into one by seams without width. For the task
    `classify` ultralytics wants image folders, and gets them.
    """

    name: ClassVar[str] = 'yolo'

    def recognise(self, path: Path) -> bool:
        """A folder with one dataset.yaml, or with what exports have in place of it; or that file.

        Raises:
            DatasetInvalid: There is a yaml, but it describes no dataset that can be used.
        """
        if path.is_file() and path.suffix not in ('.yaml', '.yml') and not is_export_file(path):
            return False
        return bool(config_files(path)) and bool(read_config(path))

    def source(self, path: Path, context: ReadContext) -> YoloSource:
        """The images. Label files without one are counted as dropped."""
        from synapse_hooks.formats.yolo.source import YoloSource

        return YoloSource(path, context)

    def sink(self, context: WriteContext) -> YoloSink:
        """See `synapse_hooks.formats.yolo.sink`."""
        from synapse_hooks.formats.yolo.sink import YoloSink

        return YoloSink(context)
