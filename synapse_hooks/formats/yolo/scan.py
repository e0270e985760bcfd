"""What ultralytics' scan of the written images and labels would find, recorded while they are written.

It becomes ultralytics' cache, `labels/train.cache`, when the dataset is at its final place. A split for which it is not
certain what the scan would find has no cache, and ultralytics scans it.

Rules: ultralytics 8.4.190, `verify_image_label` and `img2label_paths` in `ultralytics/data/utils.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from synapse_hooks.data import LossReport
from synapse_hooks.data.integrity import examine
from synapse_hooks.formats import trainer_cache
from synapse_hooks.formats.pickle_encoding import (
    KEY,
    NONE,
    TRUE,
    any_value,
    float_array,
    int_pair,
    list_of,
    npy_file,
    text,
)
from synapse_hooks.formats.trainer_cache import FileState, dataset_hash, fault_of, file_state, is_scanned
from synapse_hooks.formats.yolo.numbers import values
from synapse_hooks.storage import Spool

Floats32 = NDArray[np.float32]
CheckedImage = tuple[Any, ...]
"""The parts of an `ImageCheck`; empty where it is not certain what ultralytics would find in the image."""

_MOST_IMAGES: Final = 500_000
"""Of one split: their names and states are in memory together, some 200 bytes each."""
_HIGHEST, _LOWEST = np.float32(1.01), np.float32(-0.01)
"""Between these, in shares of the image, ultralytics tolerates the numbers of a box."""
_FACTS: Final = np.dtype(
    [
        ('shard', np.int32),
        ('place', np.int64),
        ('length', np.int64),
        ('image_size', np.int64),
        ('image_changed', np.int64),
        ('labels_size', np.int64),
        ('labels_changed', np.int64),
        ('count', np.int32),
        ('duplicates', np.int32),
    ]
)
_REST: Final = KEY['normalized'] + TRUE + KEY['bbox_format'] + KEY['xywh'] + b'u'


class ScanRecorder:
    """Records what a scan of the images and labels of one shard would find.

    Args:
        out: The dataset's folder.
        shard: The number of the shard.
        report: Where damaged images are reported.
        task: That of the labels.
        joints: How many a skeleton has.
    """

    def __init__(self, out: Path, shard: int, report: LossReport, task: str, joints: int) -> None:
        self._below = len(str(out)) + 1
        self._shard = shard
        self._report = report
        self._task = task
        self._joints = joints
        self._spool = Spool(_spool_file(out, shard))
        self._file = _entries_file(out, shard)
        self._entries: IO[bytes] | None = None
        self._place = 0
        self._uncertain: set[str] = set()

    def examine(self, images: Sequence[str]) -> list[CheckedImage]:
        """Examine images that were just linked or copied, and report damaged ones.

        Args:
            images: The path of each image.
        """
        checked: list[CheckedImage] = []
        for image, seen in zip(images, examine(images), strict=True):
            if fault := fault_of(seen):
                self._report.doubtful('image', fault, image[self._below :])
            checked.append(tuple(seen) if seen is not None and seen.certain and not fault else ())
        return checked

    def add(
        self,
        images: Sequence[str],
        seen: Sequence[CheckedImage],
        states: Iterable[tuple[int, int]],
        counts: Sequence[int],
        numbers: Sequence[bytes],
        texts: Sequence[bytes],
    ) -> None:
        """Record images whose label files were just written.

        Args:
            images: The path of each image.
            seen: What `examine` returned.
            states: Of the label file of each: size, and when it was changed, in nanoseconds.
            counts: How many rows each has.
            numbers: The class of each row.
            texts: The rest of each row.
        """
        if self._entries is None:
            # Earlier records of this shard come first.
            self._entries = self._file.open('ab')
            self._place = self._entries.tell()
        labels = Labels(self._task, self._joints, numbers, texts)
        names, facts = [], []
        ends = list(accumulate(counts))
        for place, (path, state) in enumerate(zip(images, states, strict=True)):
            name, count, end = path[self._below :], counts[place], ends[place]
            rows, image = slice(end - count, end), seen[place]
            if not (image and is_scanned(name) and labels.are_fine(rows)):
                self._uncertain.add(name.split('/', 2)[1])
                continue
            order = labels.order(rows)
            width, height, size, changed = image[:4]
            entry = KEY['shape'] + int_pair(height, width) + labels.entry(rows, order) + _REST
            self._entries.write(entry)
            names.append(name)
            facts.append(
                (
                    *(self._shard, self._place, len(entry), size, changed, *state),
                    *(count, 0 if order is None else count - len(order)),
                )
            )
            self._place += len(entry)
        self._spool.put((names, np.array(facts, _FACTS).tobytes()))

    def close(self) -> None:
        """Finish the records of the shard."""
        if self._entries is not None:
            self._spool.put((sorted(self._uncertain), b''))
            self._entries.close()
            self._entries = None
        self._spool.close()


class Labels:
    """The rows of a batch, as ultralytics parses them."""

    def __init__(self, task: str, joints: int, numbers: Sequence[bytes], texts: Sequence[bytes]) -> None:
        self.rows = list(zip(numbers, texts, strict=True))
        self.classes = np.array([int(number) for number in numbers], np.float32)
        parsed = values(b''.join(texts)).astype(np.float32)
        self.outlines: Floats32 | None = None
        self.joints: Floats32 | None = None
        self.starts: list[int] = []
        if task == 'pose':
            columns = parsed.reshape(len(texts), 4 + 3 * joints)
            self.boxes, self.joints = columns[:, :4], columns[:, 4:].reshape(len(texts), joints, 3)
        elif task == 'detect':
            self.boxes = parsed.reshape(len(texts), 4)
        else:
            self.outlines = parsed.reshape(-1, 2)
            self.starts = [0, *accumulate(row.count(b' ') // 2 for row in texts)]
            self.boxes = _bounding_boxes(self.outlines, self.starts)
        boxes = self.boxes
        self.all_fine = not boxes.size or bool(
            boxes.max() <= _HIGHEST and boxes.min() >= _LOWEST and boxes[:, 2:].min() >= 0
        )

    def are_fine(self, rows: slice) -> bool:
        """Whether ultralytics takes these rows: no box reaches too far out of the image."""
        boxes = self.boxes[rows]
        return self.all_fine or not boxes.size or bool(boxes.max() <= _HIGHEST and boxes.min() >= 0)

    def order(self, rows: slice) -> list[int] | None:
        """Which of these rows ultralytics keeps, in its order; None for all as they are: none are duplicates."""
        texts = self.rows[rows]
        if len(set(texts)) == len(texts):
            return None
        if self.outlines is not None:
            keys = [self.classes[row].tobytes() + self._outline(row).tobytes() for row in range(rows.start, rows.stop)]
            _, first = np.unique(np.array(keys, dtype=object), return_index=True)
        else:
            columns = [self.classes[rows, None], self.boxes[rows]]
            if self.joints is not None:
                columns.append(self.joints[rows].reshape(len(texts), -1))
            _, first = np.unique(np.concatenate(columns, 1), axis=0, return_index=True)
        return [int(row) + rows.start for row in first]

    def entry(self, rows: slice, order: list[int] | None) -> bytes:
        """What the cache has of these rows."""
        kept = rows if order is None else order
        count = rows.stop - rows.start if order is None else len(order)
        outlines, joints = b'', NONE
        if self.outlines is not None:
            places = range(rows.start, rows.stop) if order is None else order
            rings = (self._outline(row) for row in places)
            outlines = b''.join([float_array(points.tobytes(), len(points), 2) for points in rings])
        elif self.joints is not None:
            joints = float_array(self.joints[kept].tobytes(), count, *self.joints.shape[1:])
        return b''.join(
            (
                *(KEY['cls'], float_array(self.classes[kept].tobytes(), count, 1)),
                *(KEY['bboxes'], float_array(self.boxes[kept].tobytes(), count, 4)),
                *(KEY['segments'], b'](%be' % outlines if outlines else b']'),
                *(KEY['keypoints'], joints),
            )
        )

    def _outline(self, row: int) -> Floats32:
        assert self.outlines is not None
        return self.outlines[self.starts[row] : self.starts[row + 1]]


def _bounding_boxes(points: Floats32, starts: list[int]) -> Floats32:
    """The boxes around outlines: centre and size, in the precision in which ultralytics computes them."""
    if len(starts) < 2:
        return np.zeros((0, 4), np.float32)
    low, high = np.minimum.reduceat(points, starts[:-1]), np.maximum.reduceat(points, starts[:-1])
    return np.concatenate([(low + high) / np.float32(2), high - low], axis=1)


class LabelCaches:
    """Writes the caches of all splits from the records of all shards, whose files it removes from the dataset's folder.

    Args:
        out: The dataset's folder, before it is published.
        shares: How many there were.
        classes: How many there are.
        joints: How many a skeleton has; 0 for other tasks than `pose`.
    """

    def __init__(self, out: Path, shares: int, classes: int, joints: int) -> None:
        self._scanned = (joints > 0, classes, [joints, 3] if joints else None, False)
        self._entries: dict[int, IO[bytes]] = {}
        self._uncertain: set[str] = set()
        self._splits: dict[str, list[str]] = {}
        facts: dict[str, bytearray] = {}
        for shard in range(shares):
            if not (file := _entries_file(out, shard)).exists():
                continue
            # It has no name any more, and is gone with this object.
            self._entries[shard] = file.open('rb')
            file.unlink()
            for names, data in Spool(_spool_file(out, shard)).take():
                if not data:
                    self._uncertain.update(names)
                for number, name in enumerate(names if data else ()):
                    split = name.split('/', 2)[1]
                    if split in self._uncertain:
                        continue
                    listed, known = self._splits.setdefault(split, []), facts.setdefault(split, bytearray())
                    listed.append(name)
                    known += data[number * _FACTS.itemsize : (number + 1) * _FACTS.itemsize]
                    if len(listed) > _MOST_IMAGES:
                        self._uncertain.add(split)
                        listed.clear()
                        known.clear()
        self._facts = {split: np.frombuffer(data, _FACTS) for split, data in facts.items()}

    def __call__(self, final: Path) -> None:
        """Write them.

        Args:
            final: Where the dataset is now, and where it will be trained on.

        Raises:
            OSError, StorageError: They cannot be written.
        """
        root = os.path.realpath(final)
        for split, names in self._splits.items():
            if split not in self._uncertain:
                self._write(root, split, names, self._facts[split])

    def _write(self, root: str, split: str, names: list[str], facts: NDArray[np.void]) -> None:
        order = sorted(range(len(names)), key=names.__getitem__)
        names, facts = [names[place] for place in order], facts[order]
        labels = f'{root}/labels'
        # Of so many images, no list of paths is made.
        hashed = chain(
            zip((f'{labels}/{_below_images(name)}.txt' for name in names), _states(facts, 'labels'), strict=True),
            zip((f'{root}/{name}' for name in names), _states(facts, 'image'), strict=True),
        )
        duplicates = facts['duplicates']
        prefix = trainer_cache.message_prefix(split)
        messages = [
            f'{prefix}{root}/{names[place]}: {duplicates[place]} duplicate labels removed'
            for place in np.flatnonzero(duplicates).tolist()
        ]
        count = len(names)
        content = {
            'labels': list_of(self._encoded(root, names, facts)),
            'hash': [any_value(dataset_hash(hashed, [str(self._scanned)]))],
            'results': [any_value((count, 0, int((facts['count'] == 0).sum()), 0, count))],
            'msgs': [any_value(messages)],
            'version': [any_value(trainer_cache.version())],
        }
        file = Path(labels, _below_images(names[0])).parent.with_suffix('.cache')
        trainer_cache.write_cache(Path(root), file, npy_file(content))

    def _encoded(self, root: str, names: list[str], facts: NDArray[np.void]) -> Iterator[bytes]:
        begin = b'}(' + KEY['im_file']
        places = zip(names, facts['shard'].tolist(), facts['place'].tolist(), facts['length'].tolist(), strict=True)
        for name, shard, place, length in places:
            yield begin + text(f'{root}/{name}') + os.pread(self._entries[shard].fileno(), length, place)


def _below_images(name: str) -> str:
    """The name of an image without its extension, from the folder of images on."""
    return name.removeprefix('images/').rpartition('.')[0]


def _states(facts: NDArray[np.void], what: str) -> Iterator[FileState]:
    return map(file_state, facts[f'{what}_size'].tolist(), facts[f'{what}_changed'].tolist())


def _spool_file(out: Path, shard: int) -> Path:
    return out / f'.scan-{shard}'


def _entries_file(out: Path, shard: int) -> Path:
    return out / f'.entries-{shard}'
