"""Each check of a format finds a format that breaks its promise, and the message says what is wrong."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from synapse_hooks.data import Box, DatasetInfo, Sample
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.testing import FormatConformance
from tests.testing.test_testing_conformance import AcmeDocument, DropsInSilence, Good


class KeepsImages(Good):
    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        self.kept: list[bytes] = []
        return super().write(samples, info, out)

    def item(self, sample: Sample, out: Path) -> dict[str, Any]:
        assert sample.image is not None
        self.kept.append(sample.image.read_bytes())
        return super().item(sample, out)


class ReadsImages(Good):
    def read(self, path: Path) -> Iterator[Sample]:
        samples = list(super().read(path))
        images = [sample.image.read_bytes() for sample in samples if sample.image is not None]
        assert images
        yield from samples


class AppendsToALog(Good):
    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        log = out.parent / 'acme.log'
        with log.open('a') as file:
            file.write('writing\n')
        (out / 'log.txt').write_bytes(log.read_bytes())
        return super().write(samples, info, out)


class NumbersByOccurrence(Good):
    def box(self, sample: Sample, box: Box) -> dict[str, Any]:
        self.count = getattr(self, 'count', 0) + 1
        return {**super().box(sample, box), 'at': [self.count, box.y, box.w, box.h]}

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        self.count = 0
        return super().write(samples, info, out)


class WritesAbsolutePaths(Good):
    """Only what is read shows it: the folder of a conversion is renamed when it is published."""

    def read(self, path: Path) -> Iterator[Sample]:
        note = path / 'where'
        if not note.exists():
            note.write_text(str(path))
        for sample in super().read(path):
            sample.image = Path(note.read_text()) / Path(str(sample.image)).relative_to(path)
            yield sample


class LosesHidden(Good):
    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        return super().write((one for one in samples if not one.id.startswith('_hidden')), info, out)


class Lowers(Good):
    def place(self, sample: Sample) -> str:
        return super().place(sample).lower()


class Flattens(Good):
    def place(self, sample: Sample) -> str:
        return super().place(sample).replace('/', '_')


class CutsAtTheEdge(Good):
    def box(self, sample: Sample, box: Box) -> dict[str, Any]:
        right = min(box.x + box.w, sample.width)
        return {**super().box(sample, box), 'at': [box.x, box.y, max(right - box.x, 0), box.h]}


class RoundsBoxes(Good):
    def item(self, sample: Sample, out: Path) -> dict[str, Any]:
        for shape in sample.annotations:
            if isinstance(shape, Box):
                int(shape.w)
        return super().item(sample, out)


class NeedsSplits(Good):
    def place(self, sample: Sample) -> str:
        return f'{ {"train": 1, "valid": 2, "test": 3}[str(sample.split)] }/{sample.file_name}'


class ForgetsClasses(Good):
    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        file = super().write(samples, info, out)
        content = json.loads(file.read_text())
        used = {box['label'] for item in content['items'] for box in item['boxes']}
        file.write_text(json.dumps({**content, 'classes': sorted(used)}))
        return file


class TrustsJson(Good):
    def load(self, path: Path) -> AcmeDocument:
        content = json.loads((path / 'acme.json').read_text())
        return super().load(path) if content else AcmeDocument([], [])


@pytest.mark.parametrize(
    ('kind', 'broken', 'message'),
    [
        (
            KeepsImages,
            'writing_streams',
            r'writing takes \d\d,\d{3} bytes more for each sample .*handle samples one at',
        ),
        (ReadsImages, 'reading_streams', 'reading takes .* bytes more for each sample'),
        (AppendsToALog, 'a_killed_write_publishes_nothing', 'after a kill, writing again gives other files'),
        (
            NumbersByOccurrence,
            'the_order_of_samples_changes_only_the_order',
            r"sample '.*', annotation 1 .* x \d+\.0 came",
        ),
        (
            WritesAbsolutePaths,
            'a_dataset_that_was_moved_is_read_alike',
            'after the folder was moved, it cannot be read: .* leads out of the dataset',
        ),
        (LosesHidden, 'hidden_names_are_kept', r'images are missing|annotations .* did not come back'),
        (CutsAtTheEdge, 'shapes_out_of_the_image_are_counted', r'wrote Box\(x=200, y=200, w=5(.|\n)*read  Box\('),
        (ForgetsClasses, 'unused_classes_keep_their_places', 'keep the order of info.classes'),
        (ForgetsClasses, 'a_thousand_classes_are_kept', r'\.\.\. \(1003\), and .* are declared'),
        (DropsInSilence, 'polygons_come_back_or_are_counted', r'it did not come back\n    wrote Polygon\('),
        (DropsInSilence, 'masks_come_back_or_are_counted', r'wrote Mask\('),
        (DropsInSilence, 'skeletons_come_back_or_are_counted', r'wrote Keypoints\('),
        (DropsInSilence, 'polylines_come_back_or_are_counted', r'wrote Polyline\('),
        (DropsInSilence, 'classifications_come_back_or_are_counted', r'wrote Classification\('),
        (DropsInSilence, 'groups_and_relations_come_back_or_are_counted', r"annotations of kind 'relation'|were read"),
        (NeedsSplits, 'a_dataset_without_splits_is_written_or_refused', 'writing it raised KeyError'),
        (TrustsJson, 'documents_that_are_cut_off_end_well', r'acme\.json, change 1:\ntraceback \(.*JSONDecodeError'),
        (TrustsJson, 'deep_nesting_ends_well', r'acme\.json, change 1:\n(.|\n)*RecursionError'),
        (TrustsJson, 'odd_encodings_end_well', r'acme\.json, change 1:\n(.|\n)*UnicodeDecodeError'),
    ],
)
def test_a_broken_promise_is_found(kind: type[Good], broken: str, message: str, tmp_path: Path) -> None:
    suite = FormatConformance()
    suite.format = kind()  # type: ignore[misc]
    with pytest.raises(AssertionError, match=message):
        getattr(suite, f'test_{broken}')(tmp_path)


class Disturbs(Good):
    """Does something to its process while it writes."""

    def __init__(self, disturb: Callable[[], object]) -> None:
        self.disturb = disturb

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        self.disturb()
        return super().write(samples, info, out)


@pytest.mark.parametrize(
    ('disturb', 'message'),
    [
        (lambda: os.chdir('/'), 'changed the working directory'),
        (lambda: os.environ.update(ACME_VOC='1'), 'changed os.environ'),
        (lambda: sys.path.insert(0, '/acme'), 'changed sys.path'),
        (lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN), 'changed signal handlers'),
        (lambda: logging.root.addHandler(logging.NullHandler()), 'changed the root logger'),
        (lambda: setattr(sys, 'stdout', io.StringIO()), r'changed sys\.stdout'),
        (lambda: random.seed(0), r'changed the state of random.*random\.Random\(seed\)'),
        (lambda: Path('acme.log').touch(), r"wrote \['acme\.log'\] into the working directory"),
        (lambda: Thread(target=Event().wait, name='acme', daemon=True).start(), r"threads go on .*\['acme'\]"),
    ],
)
def test_a_process_that_is_not_as_before_is_found(
    disturb: Callable[[], object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, 'path', [*sys.path])
    monkeypatch.setattr(sys, 'stdout', sys.stdout)
    monkeypatch.setattr(logging.root, 'handlers', [*logging.root.handlers])
    monkeypatch.setenv('ACME_VOC', '0')
    drawn, handler = random.getstate(), signal.getsignal(signal.SIGTERM)
    suite = FormatConformance()
    suite.format = Disturbs(disturb)  # type: ignore[misc]
    try:
        with pytest.raises(AssertionError, match=message):
            suite.test_the_process_is_as_before(tmp_path)
    finally:
        random.setstate(drawn)
        signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize(
    ('kind', 'broken', 'error'),
    [
        (Lowers, 'names_that_differ_in_case_are_two_images', WrongAnswer),
        (Flattens, 'one_name_in_two_folders_is_two_images', FileExistsError),
        (RoundsBoxes, 'numbers_that_are_not_finite_are_counted', OverflowError),
    ],
)
def test_the_own_error_of_a_format_is_what_its_author_sees(
    kind: type[Good], broken: str, error: type[Exception], tmp_path: Path
) -> None:
    suite = FormatConformance()
    suite.format = kind()  # type: ignore[misc]
    with pytest.raises(error):
        getattr(suite, f'test_{broken}')(tmp_path)


def test_there_are_as_many_checks_as_the_documentation_says() -> None:
    page = (Path(__file__).parents[2] / 'docs' / 'testing.md').read_text(encoding='utf-8')
    checks = [name for name in dir(FormatConformance) if name.startswith('test_')]
    assert f'{len(checks)} checks' in page
    assert all(getattr(FormatConformance, name).__doc__ for name in checks)
