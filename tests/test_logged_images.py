"""Images that a run logs are files of the run, bounded, and never end a training."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy
import PIL.Image
import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams
from synapse_hooks.errors import ConfigError
from synapse_hooks.events import AutologSession
from synapse_hooks.logged_images import ImageRefused, LoggedImages, encoded_image
from synapse_hooks.plugins import load_settings
from synapse_hooks.testing import Recording, recording_session, run_action
from synapse_hooks.testing.samples import png


@pytest.fixture
def logged(tmp_path: Path) -> tuple[AutologSession, Recording]:
    return recording_session('acme', tmp_path / 'run')


def opened(data: bytes) -> PIL.Image.Image:
    image = PIL.Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(('shape', 'mode'), [((4, 6), 'L'), ((4, 6, 1), 'L'), ((4, 6, 2), 'LA'), ((4, 6, 3), 'RGB')])
def test_an_array_becomes_the_same_pixels(shape: tuple[int, ...], mode: str) -> None:
    array = numpy.random.default_rng(0).integers(0, 256, shape, 'uint8')
    data, suffix = encoded_image(array)
    assert (opened(data).mode, opened(data).size, suffix) == (mode, (6, 4), '.png')
    assert numpy.array_equal(numpy.asarray(opened(data)).reshape(shape), array)


def test_floats_are_from_0_to_1_and_bools_black_and_white() -> None:
    floats = numpy.asarray(opened(encoded_image(numpy.array([[0, 0.5, 1, 2, -1, numpy.nan]]))[0]))
    assert floats.tolist() == [[0, 128, 255, 255, 0, 0]]
    assert numpy.asarray(opened(encoded_image(numpy.array([[True, False]]))[0])).tolist() == [[255, 0]]


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'RGB', 'RGBA', 'CMYK', 'LA'])
def test_images_of_pillow_are_accepted(mode: str) -> None:
    assert opened(encoded_image(PIL.Image.new(mode, (6, 4)))[0]).size == (6, 4)


def test_files_and_their_content_stay_as_they_are(tmp_path: Path) -> None:
    data = png(6, 4)
    (tmp_path / 'a').write_bytes(data)
    assert encoded_image(data) == encoded_image(tmp_path / 'a') == encoded_image(str(tmp_path / 'a')) == (data, '.png')
    jpeg = io.BytesIO()
    PIL.Image.new('RGB', (6, 4)).save(jpeg, 'JPEG')
    assert encoded_image(jpeg.getvalue()) == (jpeg.getvalue(), '.jpg')


@pytest.mark.parametrize(
    'image',
    [
        b'',
        b'GIF89a',
        None,
        7,
        'no file',
        numpy.zeros(3),
        numpy.zeros((2, 2, 5)),
        numpy.zeros((0, 2)),
        [[300]],
        object(),
    ],
    ids=['empty', 'gif', 'none', 'number', 'path', 'flat', 'channels', 'no-rows', 'range', 'object'],
)
def test_what_is_no_image_is_left_out_with_one_warning(logged: tuple[AutologSession, Recording], image: Any) -> None:
    session, log = logged
    assert session.log_image('predictions', image) is None
    assert session.log_image('predictions', image) is None
    assert len(log.warnings) == 1
    assert "an image 'predictions' was left out: " in log.warnings[0]
    assert log.of('artifact') == []


def test_an_image_is_an_artifact_of_the_run(logged: tuple[AutologSession, Recording]) -> None:
    session, log = logged
    data = png(6, 4)
    file = session.log_image('predictions', data, step=3, caption='night')
    assert file == session.run_dir / 'images' / 'predictions' / '3.png'
    assert file.read_bytes() == data
    path = 'images/predictions/3.png'
    event = {'kind': 'image', 'role': 'predictions', 'path': path, 'size': len(data), 'step': 3, 'caption': 'night'}
    assert log.of('artifact') == [{'type': 'artifact', **event}]


def test_trainings_steps_and_names_do_not_share_a_file(logged: tuple[AutologSession, Recording]) -> None:
    session, _ = logged
    session.log_image('a', png(6, 4))
    session.log_image('a', png(6, 4))
    session.log_image('a', png(6, 4), step=2)
    session.log_image('a', png(6, 4), step=2)
    session.log_image('../../a', png(6, 4), step=2)
    with session.start_training('fold1') as fold:
        fold.log_image('a', png(6, 4), step=2)
    files = [file.relative_to(session.run_dir / 'images').as_posix() for file in session.run_dir.rglob('*.png')]
    assert len(files) == 6
    assert {'a/image-1.png', 'a/image-2.png', 'a/2.png', 'a/2-2.png', 'fold1/a/2.png'} <= set(files)


def test_an_attempt_that_trains_an_epoch_again_replaces_its_image(tmp_path: Path) -> None:
    for colour in ((0, 0, 0), (9, 9, 9)):
        file = LoggedImages(per_name=1).save(tmp_path, ('a',), 3, png(6, 4, colour=colour))
    assert file.read_bytes() == png(6, 4, colour=(9, 9, 9))
    assert len(list(tmp_path.rglob('*.png'))) == 1


def test_images_are_bounded_in_number_and_bytes(tmp_path: Path) -> None:
    session = AutologSession('acme', log := Recording(), tmp_path, images=LoggedImages(per_name=2))
    for step in range(5):
        session.log_image('a', png(6, 4), step=step)
        session.log_image('b', png(6, 4), step=step)
    assert len(log.of('artifact')) == len(list(tmp_path.rglob('*.png'))) == 4
    assert ['a run keeps 2 images of one name' in warning for warning in log.warnings] == [True, True]
    # Another process counts what is there.
    small = LoggedImages(total=4 * len(png(6, 4)))
    with pytest.raises(ImageRefused, match='may have'):
        small.save(tmp_path, ('c',), 1, png(6, 4))


def test_a_log_can_be_passed_to_another_process(logged: tuple[AutologSession, Recording]) -> None:
    session, _ = logged
    session.log_image('a', png(6, 4))
    assert pickle.loads(pickle.dumps(session.images)).per_name == session.images.per_name


def test_a_disk_without_space_ends_no_training(logged: tuple[AutologSession, Recording]) -> None:
    session, log = logged
    (session.run_dir / 'images').write_text('in the way')
    assert session.log_image('a', png(6, 4)) is None
    assert len(log.warnings) == 1


class Draws(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> dict[str, int]:
        for step in range(1, 4):
            self.log_image('noise', numpy.zeros((4, 6), 'uint8'), step=step)
        return {'steps': 3}


def test_the_limits_are_settings_of_the_project(tmp_path: Path) -> None:
    project = tmp_path / 'project'
    project.mkdir()
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nimages = { per_name = 2, total = "1M" }')
    run = run_action(Draws, {'data_path': tmp_path}, folder=tmp_path / 'run', project=project)
    assert [event['path'] for event in run.of('artifact')] == ['images/noise/1.png', 'images/noise/2.png']
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nimages.most = 2')
    with pytest.raises(ConfigError, match="images has no key 'most'"):
        load_settings(project, env={})
