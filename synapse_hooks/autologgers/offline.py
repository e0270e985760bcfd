"""ultralytics without any network: on a laptop in a train, in a closed cluster, in a test.

Left alone, ultralytics reports usage, looks for updates, installs packages by itself and fetches a font for its plots.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Final

from synapse_hooks.errors import ConfigError

FONTS: Final = ('Arial.ttf', 'Arial.Unicode.ttf')
"""What ultralytics looks for in its configuration folder; any TrueType font will do."""


def offline_environment(folder: str | Path) -> dict[str, str]:
    """The environment variables under which ultralytics does not use the network.

    What they cannot prevent: weights that are named and are not there (`YOLO('yolo11n.pt')`), a `download:`
    in a data file, and on CUDA the check of `amp=True` (pass `amp=False`).

    Args:
        folder: Its configuration folder (settings and fonts); made, and given fonts, when it has none.

    Returns:
        Name to value. They count only when set before ultralytics is imported, see `go_offline`.

    Raises:
        ConfigError: matplotlib, whose font is used, is not installed.
    """
    folder = Path(folder).resolve()
    home = folder / 'Ultralytics'
    missing = [home / name for name in FONTS if not (home / name).is_file()]
    if missing:
        source = _font()
        home.mkdir(parents=True, exist_ok=True)
        for font in missing:
            shutil.copyfile(source, font)
    # Early versions accept one spelling of each only: true and false here, 1 there.
    return {
        'YOLO_OFFLINE': 'true',
        'YOLO_AUTOINSTALL': 'false',
        'ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS': '1',
        'ULTRALYTICS_API_KEY': '',
        'YOLO_CONFIG_DIR': str(folder),
    }


def go_offline(folder: str | Path) -> None:
    """Set `offline_environment(folder)` for this process and its children.

    Raises:
        ConfigError: ultralytics is imported already and has read other values.
    """
    wanted = offline_environment(folder)
    if 'ultralytics' in sys.modules and any(os.environ.get(name, '') != value for name, value in wanted.items()):
        raise ConfigError(
            'ultralytics is imported already, so it can no longer be kept offline',
            hint='call go_offline() before the first `import ultralytics`',
        )
    os.environ.update(wanted)


def _font() -> Path:
    # Not imported: that takes longer than everything else here.
    spec = importlib.util.find_spec('matplotlib')
    font = Path(spec.origin).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf' if spec and spec.origin else None
    if font is None or not font.is_file():
        raise ConfigError(
            'no font for the plots of ultralytics: matplotlib, which has one, is not installed',
            hint="pip install 'synapse-hooks[ultralytics]'",
        )
    return font
