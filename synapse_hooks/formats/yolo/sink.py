"""Writing YOLO datasets: images, labels, `dataset.yaml`; for the task `classify`, image folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.conversion.contract import BaseSink, WriteResult, Written, written_images
from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import DatasetInfo
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.skeletons import flip_index, joint_order
from synapse_hooks.errors import DatasetInvalid, ParamsError, suggest
from synapse_hooks.formats import trainer_cache
from synapse_hooks.formats.imagefolder import ImageFolderFormat
from synapse_hooks.formats.imagefolder.names import folder_of
from synapse_hooks.formats.imagefolder.sink import ImageFolderSink
from synapse_hooks.formats.yolo import tasks
from synapse_hooks.formats.yolo.config import write_config
from synapse_hooks.formats.yolo.rows import Rows
from synapse_hooks.formats.yolo.scan import LabelCaches, ScanRecorder
from synapse_hooks.formats.yolo.schema import pose_config
from synapse_hooks.formats.yolo.writer import LabelWriter, ShardWriter

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


class YoloSink(BaseSink):
    """Writes what the training is for: `target_task`, else what most annotations are.

    Args:
        context: The context of this conversion.
    """

    def __init__(self, context: WriteContext) -> None:
        self.context = context
        self._folders = ImageFolderSink(context)

    def classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """Those of objects, or of whole images for `classify`."""
        if self._task(info) == 'classify':
            return self._folders.classes(info)
        return tuple(filter(None, super().classes(info)))

    def initialize_write(self, info: DatasetInfo) -> Plan:
        """The task, and the joints of skeletons.

        Raises:
            DatasetInvalid: There are no images to train or to validate with.
            ParamsError: The task is none of ultralytics'.
        """
        task = self._task(info)
        if info.splits is not None:
            _require_splits(dict.fromkeys(info.splits, 1), {}, self.context.options.shares)
        if task != 'pose':
            return Plan(task)
        # The few items that are looked at beforehand may have no skeleton, and others many.
        forms = {names for names in info.skeletons.values() if names}
        return Plan(task, forms.pop() if len(forms) == 1 else joint_order(name for form in forms for name in form))

    def needs_order(self, plan: Plan) -> bool:
        """Every image has a label file of its own; image folders are made at the end."""
        return plan.task == 'classify'

    def write(self, plan: Plan, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        """Labels of the task, or image folders. Images that ultralytics cannot read are left out."""
        if plan.task == 'classify':
            return self._folders.write(None, info, shard, batches)
        with closing(self._labels(plan, info.classes, shard)) as labels, closing(self.context.spool(shard)) as waiting:
            writer = ShardWriter(self.context, self._rows(plan), labels, waiting)
            for batch in batches:
                writer.add(batch)
        return WriteResult(dict(writer.counts))

    def finalize_shard(self, plan: Plan, info: DatasetInfo, shard: int, results: Sequence[WriteResult]) -> None:
        """Write the labels that waited for the numbers of their classes."""
        if plan.task == 'classify':
            return
        with closing(self._labels(plan, info.classes, shard)) as labels:
            for waiting in self.context.spool(shard).take():
                labels.write(waiting)

    def finalize(self, plan: Plan, info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        """Write `dataset.yaml`; for `classify` the folder itself is the answer.

        Raises:
            DatasetInvalid: There are no images to train or to validate with; or no joints for a pose dataset.
        """
        counts = written_images(results)
        splits = info.splits or {}
        _require_splits({split: counts[split] for split in splits}, splits, self.context.options.shares)
        if plan.task == 'classify':
            written = self._folders.finalize(None, info, results)
            return Written(format=ImageFolderFormat.name, when_published=written.when_published)
        if plan.task == 'pose' and not plan.joints:
            raise DatasetInvalid(
                'target_task: there is not one skeleton to write a pose dataset of',
                hint='choose another task, or check that the joints were exported',
            )
        folders = {folder_of(split): f'images/{folder_of(split)}' for split in splits if counts[split]}
        names = info.classes or ()
        more: dict[str, Any] = {'task': plan.task}
        if plan.task == 'pose':
            skeletons = {label: plan.joints for label in names if info.skeletons.get(label)}
            more |= pose_config(names, skeletons, flip_index(plan.joints))
        config_path = write_config(self.context.out, names, folders, **more)
        return Written(config_path, when_published=self._caches(plan, info, len(results)))

    def _caches(self, plan: Plan, info: DatasetInfo, shards: int) -> Callable[[Path], None]:
        """What writes the caches of ultralytics, which hold absolute paths."""
        return LabelCaches(self.context.out, shards, len(info.classes or ()), len(plan.joints))

    def _rows(self, plan: Plan) -> Rows:
        if plan.task == 'pose':
            return tasks.Pose(self.context.report, plan.joints)
        kinds = {'detect': tasks.Detect, 'segment': tasks.Segment, 'obb': tasks.Obb}
        return kinds[plan.task](self.context.report)

    def _labels(self, plan: Plan, classes: Sequence[str] | None, shard: int) -> LabelWriter:
        if not (self.context.options.trainer_cache and trainer_cache.version()):
            return LabelWriter(classes, None)
        recorder = ScanRecorder(self.context.out, shard, self.context.report, plan.task, len(plan.joints))
        return LabelWriter(classes, recorder)

    def _task(self, info: DatasetInfo) -> str:
        asked = self.context.options.task
        if asked is None:
            counts: Counter[str] = Counter(dict.fromkeys(TASKS, 0))
            for kind, count in (info.kinds or {}).items():
                if kind in _TASK_OF:
                    counts[_TASK_OF[kind]] += count
            objects = {task: count for task, count in counts.items() if task != 'classify'}
            # An object with a skeleton has a box or an outline too: it is the same object.
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


def _require_splits(written: Mapping[str, int], read: Mapping[str, int], shares: Mapping[str, float]) -> None:
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
        hint = 'it got no image: give it a larger share; a dataset that has several splits keeps them'
    if dropped := [f'{name} had {read[name]:,}' for name in missing if read.get(name)]:
        hint = f'{", ".join(dropped)}, which cannot be written for this task: choose another one'
    raise DatasetInvalid(
        'YOLO needs images in the splits train and valid; '
        f'{" and ".join(missing)} {"have" if len(missing) > 1 else "has"} none (splits: {there})',
        hint=hint,
        missing=missing,
    )
