"""What needs ultralytics runs in a process of its own: it has to be told to stay offline before it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synapse_hooks.autologgers.offline import offline_environment

SCRIPT = """
import json, sys
from pathlib import Path

import torch
from ultralytics import YOLO

from synapse_hooks.data import Box, Sample
from synapse_hooks.demo import contact_sheet, evaluate, write_base_model, write_scenes
from synapse_hooks.demo.evaluation import quiet
from synapse_hooks.errors import DatasetInvalid

print('imported')
here = Path(sys.argv[1])
write_scenes(here / 'scenes', count=10, size=64)
with quiet():
    one, other = (write_base_model(here / name) for name in ('one', 'other'))
    first, second = (YOLO(folder / 'best.pt').model.state_dict() for folder in (one, other))
pictures = sorted((here / 'scenes/test/original_files').iterdir()) * 2
samples = [Sample(path.stem, image=path, annotations=[Box(x=5, y=5, w=20, h=20, label='one')]) for path in pictures]
sheet = contact_sheet(one, samples, here / 'sheets' / 'sheet.png', limit=3, title='Untrained')
(here / 'dataset.yaml').write_text('names: [star, one]')
try:
    refusal = str(evaluate(one, here / 'dataset.yaml'))
except DatasetInvalid as error:
    refusal = str(error)
print(json.dumps({
    'refusal': refusal,
    'files': sorted(path.name for path in one.iterdir()),
    'same': all(torch.equal(first[name], second[name]) for name in first),
    'parameters': sum(value.numel() for value in first.values()),
    'sheet': str(sheet),
}))
"""


@pytest.mark.e2e
def test_an_untrained_model_is_the_same_every_time_and_can_be_shown(tmp_path: Path) -> None:
    from PIL import Image

    from synapse_hooks.demo.sheet import CAPTION, HEADER, MARGIN, TILE

    environment = {**os.environ, **offline_environment(tmp_path / 'config')}
    done = subprocess.run(
        [sys.executable, '-c', SCRIPT, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    output = done.stdout.partition('imported\n')[2]
    assert len(output.splitlines()) == 1, 'ultralytics is kept quiet'
    report = json.loads(output)
    assert report['files'] == ['best.pt']
    assert report['same']
    assert "has ['star', 'one']" in report['refusal']
    assert report['parameters'] > 2_000_000
    with Image.open(report['sheet']) as sheet:
        assert sheet.height == HEADER + TILE + CAPTION + MARGIN
        assert len(sheet.convert('RGB').getcolors(10**6) or ()) > 1000
