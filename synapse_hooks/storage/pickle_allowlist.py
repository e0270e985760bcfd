"""What a checkpoint may import, and what may be done with it.

Three uses are distinguished, as the same name is harmless in one and not in the other:

- `call`: functions and classes that rebuild a value from their arguments, and do nothing else;
- `keep`: classes whose objects are made without `__init__` and then given their state, and values that are only
  kept. Of a layer that is harmless; *calling* a model is not, as ultralytics evaluates text of its configuration;
- those of `CHECKED` are called with arguments that are checked.

Everything else is refused, also what torch itself would allow where it takes another callable as an argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

Use = Literal['call', 'keep']


def _under(module: str, names: str) -> frozenset[str]:
    return frozenset(f'{module}.{name}' for name in names.split())


_CALL: Final = frozenset[str]().union(
    _under(
        'builtins',
        'set frozenset list dict tuple bytearray bytes slice range complex int float bool str object',
    ),
    _under('collections', 'OrderedDict defaultdict Counter deque'),
    _under('datetime', 'date datetime time timedelta timezone'),
    _under('types', 'SimpleNamespace'),
    *(
        _under(module, 'Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath')
        for module in ('pathlib', 'pathlib._local')
    ),
    *(_under(f'numpy.{core}.multiarray', '_reconstruct scalar') for core in ('core', '_core')),
    *(_under(f'numpy.{core}.numeric', '_frombuffer') for core in ('core', '_core')),
    _under('numpy', 'dtype'),
    _under('torch', 'Size device'),
    _under('torch.serialization', '_get_layout'),
    _under(
        'torch._utils',
        '_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state '
        '_rebuild_sparse_tensor _rebuild_qtensor _rebuild_meta_tensor_no_storage',
    ),
    _under('torchvision.transforms.functional', 'InterpolationMode'),
    _under('ultralytics.utils', 'IterableSimpleNamespace'),
    _under('ultralytics.yolo.utils', 'IterableSimpleNamespace'),
)

_KEEP: Final = frozenset[str]().union(
    _under('argparse', 'Namespace'),
    _under('builtins', 'Ellipsis NotImplemented'),
    _under('numpy', 'ndarray bool_ bool'),
    _under('torch', 'Tensor'),
    _under('torch.nn.parameter', 'Parameter Buffer'),
    _under('torch.storage', 'UntypedStorage TypedStorage'),
    _under('torch.nn.functional', 'relu gelu silu leaky_relu'),
    _under('torchvision.transforms.transforms', 'Compose Normalize Resize CenterCrop ToTensor'),
)

_CLASS: Final = r'(?=\w*[A-Z])[A-Za-z]\w*'
# Of these modules, names with a capital letter, which are layers, models, losses and optimizers; never a dotted name.
_KEPT_CLASSES: Final = re.compile(
    rf'(?:torch\.nn\.modules(?:\.[a-z]\w*)?'
    rf'|torch\.optim\.[a-z]+'
    rf'|ultralytics\.nn\.modules(?:\.[a-z]+)?'
    rf'|ultralytics\.nn\.(?:tasks|distill_model)'
    rf'|ultralytics\.utils\.(?:loss|tal))\.{_CLASS}'
    r'|torch\.(?:[A-Z][A-Za-z0-9]*Storage|cuda\.[A-Z][A-Za-z0-9]*Storage)'
    r'|torch\.(?:bool|b?float\d*|bfloat16|float8_\w+|float4_\w+|double|half|u?int\d*|long|short|complex\d+|cfloat'
    r'|cdouble|quint8|qint8|qint32|quint4x2|quint2x4)'
    r'|numpy\.(?:u?int\d*|float\d+|complex\d+)'
    r'|numpy\.dtypes\.[A-Z]\w*DType',
    re.ASCII,
)

_ATTRIBUTES: Final = frozenset(
    ('forward', 'forward_fuse', 'NEAREST', 'NEAREST_EXACT', 'BILINEAR', 'BICUBIC', 'BOX', 'HAMMING', 'LANCZOS')
)
_LATIN: Final = frozenset(('latin1', 'latin-1', 'latin_1', 'iso-8859-1'))
_PLAIN: Final = _under('builtins', 'object dict list set tuple str int float')


def _is_attribute(arguments: tuple[Any, ...]) -> bool:
    return len(arguments) == 2 and arguments[1] in _ATTRIBUTES


def _is_latin(arguments: tuple[Any, ...]) -> bool:
    return len(arguments) == 2 and arguments[1] in _LATIN


def _is_plain(arguments: tuple[Any, ...]) -> bool:
    # Another base would be initialised with the state.
    return len(arguments) == 3 and arguments[1] in _PLAIN


CHECKED: Final[Mapping[str, Callable[[tuple[Any, ...]], bool]]] = {
    'builtins.getattr': _is_attribute,
    '_codecs.encode': _is_latin,
    'copyreg._reconstructor': _is_plain,
}
"""Names that may only be called, with arguments for which the function is true. Of an argument only texts and globals
are known; anything else equals no text."""


def allowed_use(name: str) -> Use | None:
    """What a global may be used for, by its dotted name; None where it must not be imported.

    Example:
        >>> [allowed_use(name) for name in ('torch.Size', 'torch.nn.modules.conv.Conv2d', 'os.system')]
        ['call', 'keep', None]
    """
    if name in _CALL or name in CHECKED:
        return 'call'
    return 'keep' if name in _KEEP or _KEPT_CLASSES.fullmatch(name) else None
