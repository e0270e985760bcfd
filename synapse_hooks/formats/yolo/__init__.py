"""YOLO as ultralytics trains it: `dataset.yaml`, `images/<split>/`, `labels/<split>/`, for all of its tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from synapse_hooks.conversion.writer import counted
from synapse_hooks.data import DatasetInfo
from synapse_hooks.data.skeletons import flip_index, joint_order
from synapse_hooks.errors import DatasetInvalid, ParamsError, suggest
from synapse_hooks.formats import trainer_cache
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.imagefolder import ImageFolderFormat
from synapse_hooks.formats.imagefolder.names import folder_of
from synapse_hooks.formats.yolo.config import config_files, read_config, write_config
from synapse_hooks.formats.yolo.exports import is_export_file
from synapse_hooks.formats.yolo.schema import pose_config

if TYPE_CHECKING:
    from synapse_hooks.conversion.reading import ReadContext
    from synapse_hooks.conversion.writer import Writer
    from synapse_hooks.formats.yolo.source import YoloSource

__all__ = ['YoloFormat']

TASKS = ('detect', 'segment', 'pose', 'obb', 'classify')
"""What ultralytics trains, and labels are written for."""
_TASK_OF = {
    'box': 'detect',
    'polygon': 'segment',
    'mask': 'segment',
    'keypoints': 'pose',
    'rotated_box': 'obb',
    'classification': 'classify',
}


class Plan(NamedTuple):
    """What must be known of the whole dataset before its first label is written."""

    task: str
    joints: tuple[str, ...] = ()
    """Of a pose dataset, in their order."""


class YoloFormat(Format):
    """Writes what the training is for: `target_task`, else what most annotations are.

    A label file never mixes tasks. Polygons of several rings are joined into one by seams without width. For the task
    `classify` ultralytics wants image folders, and gets them.
    """

    name: ClassVar[str] = 'yolo'

    # -- reading -------------------------------------------------------------------------------------------------

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

    # -- writing -------------------------------------------------------------------------------------------------

    def written_classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """Those of objects, or of whole images for `classify`."""
        if self._task(info) == 'classify':
            return ImageFolderFormat().written_classes(info)
        return tuple(filter(None, super().written_classes(info)))

    def plan(self, info: DatasetInfo) -> Plan:
        """The task, and the joints of skeletons.

        Raises:
            DatasetInvalid: There are no images to train or to validate with.
            ParamsError: The task is none of ultralytics'.
        """
        task = self._task(info)
        if info.splits is not None:
            _need_splits(dict.fromkeys(info.splits, 1), {}, self.options.shares)
        if task != 'pose':
            return Plan(task)
        # The few items that are looked at beforehand may have no skeleton, and others many.
        forms = {names for names in info.skeletons.values() if names}
        return Plan(task, forms.pop() if len(forms) == 1 else joint_order(name for form in forms for name in form))

    def written_format(self, plan: Plan) -> str:
        """Image folders are what they are."""
        return ImageFolderFormat.name if plan.task == 'classify' else self.name

    def writer(self, plan: Plan, info: DatasetInfo, out: Path, share: int) -> Writer:
        """Labels of the task, or image folders."""
        if plan.task == 'classify':
            from synapse_hooks.formats.imagefolder.writer import ImageFolderWriter

            return ImageFolderWriter(self, out, share)
        from synapse_hooks.formats.yolo import tasks
        from synapse_hooks.formats.yolo.scan import ScanNotes
        from synapse_hooks.formats.yolo.writer import YoloWriter

        cached = self.options.trainer_cache and trainer_cache.version()
        notes = ScanNotes(out, share, self.report, plan.task, len(plan.joints)) if cached else None
        if plan.task == 'pose':
            return YoloWriter(self, tasks.Pose(self.report, plan.joints), info, out, share, notes)
        kinds = {'detect': tasks.Detect, 'segment': tasks.Segment, 'obb': tasks.Obb}
        return YoloWriter(self, kinds[plan.task](self.report), info, out, share, notes)

    def counts(self, found: Sequence[Any]) -> Counter[str]:
        """Images that ultralytics cannot read are not there."""
        return counted(found)

    def finish(self, plan: Plan, info: DatasetInfo, out: Path, found: Sequence[Any]) -> Path | None:
        """Write `dataset.yaml`; for `classify` the folder itself is the answer.

        Raises:
            DatasetInvalid: There are no images to train or to validate with; or no joints for a pose dataset.
        """
        from synapse_hooks.formats.imagefolder.writer import put_in_place

        counts = self.counts(found)
        _need_splits({split: counts[split] for split in info.splits or {}}, info.splits or {}, self.options.shares)
        if plan.task == 'classify':
            put_in_place(self, info, out, found)
            return None
        if plan.task == 'pose' and not plan.joints:
            raise DatasetInvalid(
                'target_task: there is not one skeleton to write a pose dataset of',
                hint='choose another task, or check that the joints were exported',
            )
        folders = {folder_of(split): f'images/{folder_of(split)}' for split in info.splits or {} if counts[split]}
        names = info.classes or ()
        more: dict[str, Any] = {'task': plan.task}
        if plan.task == 'pose':
            skeletons = {label: plan.joints for label in names if info.skeletons.get(label)}
            more |= pose_config(names, skeletons, flip_index(plan.joints))
        return write_config(out, names, folders, **more)

    def when_published(
        self, plan: Plan, info: DatasetInfo, out: Path, found: Sequence[Any]
    ) -> Callable[[Path], None] | None:
        """Write the caches of ultralytics, which hold absolute paths."""
        if plan.task == 'classify':
            folders = ImageFolderFormat().bound(self.context, options=self.options)
            return folders.when_published(None, info, out, found)
        from synapse_hooks.formats.yolo.scan import LabelCaches

        return LabelCaches(out, len(found), len(info.classes or ()), len(plan.joints))

    def _task(self, info: DatasetInfo) -> str:
        asked = self.options.task
        if asked is None:
            counts: Counter[str] = Counter(dict.fromkeys(TASKS, 0))
            for kind, count in (info.kinds or {}).items():
                if kind in _TASK_OF:
                    counts[_TASK_OF[kind]] += count
            objects = {task: count for task, count in counts.items() if task != 'classify'}
            # An object with a skeleton has a box or an outline besides: it is the same object.
            with_joints = objects['pose']
            for task in ('detect', 'segment', 'obb'):
                same = min(objects[task], with_joints)
                objects[task] -= same
                with_joints -= same
            # A class of the whole image beside objects is usually a remark on the scene.
            return max(objects, key=objects.__getitem__) if any(objects.values()) or not counts.total() else 'classify'
        if asked not in TASKS:
            raise ParamsError(
                f'target_task: yolo labels are written for {", ".join(TASKS)}, not {asked!r}',
                hint=suggest(asked, TASKS) or f'choose one of {", ".join(TASKS)}',
                field='target_task',
            )
        return asked


def _need_splits(written: Mapping[str, int], read: Mapping[str, int], shares: Mapping[str, float]) -> None:
    """YOLO trains on one split and validates on another: both must have images.

    Args:
        written: The images of each split.
        read: How many were there before those that cannot be written were dropped; empty while unknown.
        shares: The fractions that were asked for.
    """
    missing = [name for name in ('train', 'valid') if not written.get(name)]
    if not missing:
        return
    there = ', '.join(f'{name} {count:,}' if read else name for name, count in written.items()) or 'none'
    hint = "divide the dataset: `-p 'splits={train: 0.8, valid: 0.2}'` for a run, `--split 0.8,0.2` for convert"
    if shares:
        hint = 'no image fell into it: give it a larger share; a dataset that is divided already keeps its splits'
    if dropped := [f'{name} had {read[name]:,}' for name in missing if read.get(name)]:
        hint = f'{", ".join(dropped)}, which cannot be written for this task: choose another one'
    raise DatasetInvalid(
        'YOLO needs images in the splits train and valid; '
        f'{" and ".join(missing)} {"have" if len(missing) > 1 else "has"} none (splits: {there})',
        hint=hint,
        missing=missing,
    )
