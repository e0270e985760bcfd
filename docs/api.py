"""The page api.md and one for each public module in api/: every public name, from signatures and docstrings."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final, NamedTuple

from docstrings import fields, in_cell, items, sections


class Section(NamedTuple):
    """A part of the page of a module."""

    title: str
    module: str
    names: str
    """In the order of the page, with blanks between."""
    text: str = ''
    """Links in it start at docs/."""


SECTIONS: Final = (
    Section(
        'Actions and runs',
        'synapse_hooks',
        'BaseTrainAction BaseTrainParams RuntimeContext TrainContext hookimpl SynapseHooksError',
        'What an action is made of is explained on the page [actions](actions.md).',
    ),
    Section(
        'Steps',
        'synapse_hooks.steps',
        'BaseStep StepResult StepRegistry ExportDatasetStep ConvertDatasetStep PreExecuteStep ExecuteStep UploadStep '
        'RunSetup run_pipeline checked_dataset publish_model',
        'The names that actions need are in `synapse_hooks` too: `BaseStep`, `StepResult`, `StepRegistry`, '
        '`ExportDatasetStep` and `ConvertDatasetStep`.',
    ),
    Section(
        'Samples and annotations',
        'synapse_hooks.data',
        'Sample Annotation Box RotatedBox Polygon Polyline Keypoint Keypoints Joint Mask Classification Relation Group '
        'Other AnyAnnotation Shape Area Ring Part OBJECT_KINDS Medium MEDIA',
        'Coordinates are pixels of the image as it is displayed (EXIF orientation applied), as float or int. The '
        'origin is the top left corner of the top left pixel, x goes to the right, y down. Angles are radians.\n\n'
        "Every annotation takes the fields of `Annotation` too, by name: `Box(10, 20, 80, 40, label='car', id='7')`.",
    ),
    Section(
        'A dataset and its loss report',
        'synapse_hooks.data',
        'DatasetInfo survey DatasetCounts dataset LossReport Loss Unreadable Tolerance DEFAULT_TOLERANCE',
    ),
    Section(
        'Assignment to splits',
        'synapse_hooks.data',
        'SPLITS split_name fractions assign group_key BY_FOLDER stratify stratified stratum labels_of',
    ),
    Section(
        'Image files',
        'synapse_hooks.data',
        'image_size read_header ImageHeader probe probe_many examine ImageCheck SUFFIXES MEASURED DEFAULT_SUFFIXES',
        'Nothing here decodes an image or needs an imaging library: sizes are read from headers.',
    ),
    Section(
        'Formats',
        'synapse_hooks.formats',
        'BaseFormat Format Fitter Options FormatReader guess_format declared_wrongly fit_to_image fit_boxes BUILTIN',
        'How to write one is on the page [write a converter](write-a-converter.md).',
    ),
    Section(
        'Opening files of a dataset',
        'synapse_hooks.storage',
        'read_file read_head TABLE_LIMIT open_regular is_inside UnsafeFile',
        'What a dataset names is untrusted text: these open regular files only, and stay inside of a folder.',
    ),
    Section(
        'Files of an export or an upload',
        'synapse_hooks.storage',
        'default_cache absolute link_or_copy LinkMode walk_files FileEntry file_digest tree_digest disk_errors',
        'For plugins that answer the hooks `export` and `upload`.',
    ),
    Section(
        'Hints of errors',
        'synapse_hooks.errors',
        'suggest',
    ),
    Section(
        'Names and text from outside',
        'synapse_hooks.safe_text',
        'summary text_of',
        'For messages: bounded in length, and they never raise.',
    ),
    Section(
        'Executors',
        'synapse_hooks.conversion',
        'BaseExecutor',
        'How to write one is on the page [write a converter](write-a-converter.md#where-the-parts-are-written).',
    ),
    Section(
        'Launchers',
        'synapse_hooks.launching',
        'BaseLauncher SearchLauncher RunPlan Resources RunOutcome read_outcome launch write_stderr',
        'How to write one is on the page [beyond one machine](scale-out.md#write-a-launcher).',
    ),
    Section(
        'Searches',
        'synapse_hooks.searches',
        'Search SearchRequest SearchParam SearchConfig Method Trial SearchOutcome best_trial search_of TYPES',
        'What a search is, and what a launcher that searches gets and returns, is on the page [searches](tune.md).',
    ),
    Section(
        'Trials of a search',
        'synapse_hooks.tuning',
        'trial_id trial_folder trial_plan read_trial recorded_trials mark_stopped EpochMetrics',
        'For authors of launchers that search.',
    ),
    Section(
        'The parameters of a search',
        'synapse_hooks.actions',
        'search_params',
    ),
    Section(
        'Autologgers',
        'synapse_hooks.context',
        'AutologSession Logging TrainingLog',
        'How to write one is on the page [write an autologger](write-an-autologger.md).',
    ),
    Section(
        'Attaching to a framework',
        'synapse_hooks.autologgers.attaching',
        'Attached',
        'For autologgers of frameworks whose functions must be replaced.',
    ),
    Section(
        'Values of a framework',
        'synapse_hooks.autologgers.values',
        'numbers json_value',
        'For autologgers: what a framework has, as `log_metrics` and `log_params` take it.',
    ),
    Section(
        'The trainings of a run',
        'synapse_hooks.trainings',
        'Trainings TrainingState',
        'What `context.trainings` is; see [several trainings](actions.md#several-trainings).',
    ),
    Section(
        'Runs to look at',
        'synapse_hooks.runs',
        'Runs Run Stage Metrics MetricRow Headline',
        'How to use them is on the page [look at runs](look-at-runs.md).',
    ),
    Section(
        'Reports',
        'synapse_hooks.report',
        'RunContents report_page',
    ),
    Section(
        'Traces',
        'synapse_hooks.tracing',
        'read_traces Trace TracedCall call_trees StageCalls CallNode chrome_trace',
        'What they show is explained on the page [traces](trace.md).',
    ),
    Section(
        'The journal of a run',
        'synapse_hooks.journal',
        'read_events metrics_table MetricKey last_checkpoint SinkState',
        'What is in it is explained on the page [runs](runs.md#the-journal); sinks keep their state in `SinkState`.',
    ),
    Section(
        'Inspection',
        'synapse_hooks.insight',
        'inspect_dataset page',
        'What it finds is explained on the page [inspect](inspect.md).',
    ),
    Section(
        'Results by class',
        'synapse_hooks.journal',
        'Evaluation Confusion log_evaluation read_evaluation',
        'Reports show them: [look at runs](look-at-runs.md#results-by-class).',
    ),
    Section(
        'The test kit',
        'synapse_hooks.testing',
        'FormatConformance AutologConformance SinkConformance LauncherConformance HookConformance check_plugin '
        'check_distribution FakeRun PluginHost HookRecorder HookCall PluginProject CommandOutput '
        'run_action FinishedRun convert_dataset Converted open_dataset recording_session Recording small_dataset '
        'small_samples odd_samples '
        'CLASSES png bmp',
        'For tests of plugins: see [test a plugin](testing.md). pytest runs the classes; failures are '
        '`AssertionError`s that say what to fix.',
    ),
)
WHOLE: Final = (
    'synapse_hooks',
    'synapse_hooks.data',
    'synapse_hooks.formats',
    'synapse_hooks.launching',
    'synapse_hooks.report',
    'synapse_hooks.runs',
    'synapse_hooks.searches',
    'synapse_hooks.steps',
    'synapse_hooks.testing',
)
"""Modules of which every public name is on their pages."""
_ELSEWHERE: Final = {
    name for section in SECTIONS if section.module != 'synapse_hooks' for name in section.names.split()
}
_LINE: Final = 90
_MARK: Final = '<!-- Written by docs/api.py from docstrings: change those, then type `make docs`. -->'
_INTRODUCTION: Final = f"""\
# API

{_MARK}

Every public name, by what it is for. Each public module has a page with the arguments. The [hooks](hooks.md), what they
exchange, and the [errors](errors.md) have pages of their own. What is not here, or begins with an underscore, may
change without notice.
"""


def api_pages() -> dict[str, str]:
    """The pages by path below docs/: the overview, and a page for each module."""
    modules = dict.fromkeys(section.module for section in SECTIONS)
    return {'api.md': _overview(), **{_file(module): _module_page(module) for module in modules}}


def _file(module: str) -> str:
    return f'api/{module.removeprefix("synapse_hooks.")}.md'


def _overview() -> str:
    parts = []
    for section in SECTIONS:
        page = _file(section.module)
        names = ', '.join(f'[`{name}`]({page}#{_anchor(name)})' for name in _names(section))
        parts.append(f'- **[{section.title}]({page}#{_anchor(section.title)})**, in `{section.module}`: {names}')
    return '\n'.join([_INTRODUCTION, *parts, ''])


def _module_page(module: str) -> str:
    own = [section for section in SECTIONS if section.module == module]
    head = [f'# {module}\n', f'{_MARK}\n', 'Back to the [overview of all names](../api.md).\n']
    page = '\n'.join([*head, *(_section(section) for section in own)])
    return re.sub(r'\n{3,}', '\n\n', page).rstrip() + '\n'


def _names(section: Section) -> list[str]:
    """The section's names; the last section of a module has those that are in no other, too."""
    of_module = [other for other in SECTIONS if other.module == section.module]
    if section.module not in WHOLE or section is not of_module[-1]:
        return section.names.split()
    listed = _ELSEWHERE.union(*(other.names.split() for other in of_module))
    return section.names.split() + [name for name in import_module(section.module).__all__ if name not in listed]


def _anchor(title: str) -> str:
    return re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-')


def _section(section: Section) -> str:
    module = import_module(section.module)
    entries = (_entry(module, name) for name in _names(section))
    text = re.sub(r'\]\((?=\w)', '](../', section.text)
    return '\n'.join([f'## {section.title}\n', f'{text}\n', *entries])


def _entry(module: ModuleType, name: str) -> str:
    value = getattr(module, name)
    if isinstance(value, type) and value.__module__.startswith('synapse_hooks'):
        return '\n'.join([f'### {name}\n', *_class(name, value)])
    if isinstance(value, FunctionType):
        return '\n'.join([f'### {name}\n', _signature(name, value), *_prose(inspect.getdoc(value) or '')])
    if name == 'hookimpl':
        return '\n'.join([f'### {name}\n', *_prose(_told_of(module, name))])
    return '\n'.join([f'### {name}\n', f'```text\n{name} = {_constant(value)}\n```\n', *_prose(_told_of(module, name))])


def _constant(value: Any) -> str:
    if isinstance(value, dict | tuple | str | float):
        return repr(value)
    text = ', '.join(sorted(value)) if isinstance(value, frozenset) else str(value)
    return re.sub(r'\b(?:synapse_hooks|typing)(?:\.\w+)*\.', '', text)


def _class(name: str, kind: type) -> Iterator[str]:
    if not name.endswith('Conformance') and not issubclass(kind, BaseException):
        yield _signature(name, kind)
    yield from _prose(inspect.getdoc(kind) or '')
    if own := [field for field in fields(kind) if not field.name.startswith('_')]:
        yield '| field | type | default | meaning |\n| --- | --- | --- | --- |'
        for field in own:
            type = in_cell(re.sub(r'ClassVar\[(.*)\]', r'\1', field.type))
            default = f'`{in_cell(_default(field.default))}`' if field.default else ''
            yield f'| `{field.name}` | `{type}` | {default} | {in_cell(field.meaning)} |'
        yield ''
    for member, value in vars(kind).items():
        if member.startswith('_') or issubclass(kind, BaseException) or member in {field.name for field in own}:
            continue
        if isinstance(value, property | functools.cached_property):
            yield from _member(f'{member}', inspect.getdoc(value) or '')
        elif isinstance(value, FunctionType | classmethod | staticmethod):
            function = value if isinstance(value, FunctionType) else value.__func__
            if function.__doc__ is None and any(hasattr(base, member) for base in kind.__bases__):
                # What it does is said where it is defined first.
                continue
            yield from _member(f'{member}{_arguments(function, bound=True)}', inspect.getdoc(function) or '')


def _member(title: str, doc: str) -> Iterator[str]:
    """A method or property: an item of a list, with its sections below."""
    parts = list(_prose(doc))
    yield f'- **`{title}`**\n'
    for part in parts:
        yield re.sub(r'^(?=.)', '  ', part, flags=re.MULTILINE)


def _prose(doc: str) -> Iterator[str]:
    """A docstring as paragraphs of Markdown."""
    for name, text in sections(doc):
        if name == '':
            yield f'{text}\n'
        elif name == 'Example':
            shown = text.replace("getfixture('tmp_path')", "Path('folder')")
            yield f'```pycon\n{shown}\n```\n'
        elif name in ('Returns', 'Yields'):
            yield f'{name}: {" ".join(text.split())}\n'
        else:
            yield f'{name}:\n\n' + '\n'.join(items(text)) + '\n'


def _signature(name: str, value: Any) -> str:
    if getattr(value, '_is_protocol', False):
        return f'```text\n{name}(Protocol)\n```\n'
    if isinstance(value, type) and (hasattr(value, '__struct_fields__') or issubclass(value, tuple)):
        # Without what is inherited; and a NamedTuple knows its types as references only.
        own = [f'{field.name}: {field.type}{f" = {field.default}" if field.default else ""}' for field in fields(value)]
        return f'```text\n{name}({", ".join(own)})\n```\n'
    return f'```text\n{name}{_arguments(value, bound=False)}\n```\n'


def _arguments(value: Callable[..., Any], *, bound: bool) -> str:
    """The arguments in brackets and what is returned; on several lines where one is too long."""
    signature = inspect.signature(value)
    told, starred = [], False
    # Private arguments are for the inside.
    for parameter in [p for p in list(signature.parameters.values())[bound:] if not p.name.startswith('_')]:
        starred |= parameter.kind is parameter.VAR_POSITIONAL
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            told.append('*')
            starred = True
        if isinstance(parameter.default, Mapping):
            # Such as os.environ, which is that of whoever writes the page.
            parameter = parameter.replace(default=object())
        told.append(_unquoted(str(parameter)))
    returned = signature.return_annotation
    arrow = '' if isinstance(value, type) or returned in ('None', inspect.Signature.empty) else f' -> {returned}'
    if told == ['*args: Any', '**kwargs: Any']:
        # A stage hook of an action: its description begins with its arguments.
        return ''
    line = f'({", ".join(told)}){arrow}'
    return line if bound or len(line) < _LINE else '(\n    ' + ',\n    '.join(told) + f',\n){arrow}'


def _unquoted(parameter: str) -> str:
    """`name: 'type' = default` without the quotes around the type, and without what only a program can read."""
    plain = re.sub(r"^(\*{0,2}\w+): (?:'(.*?)'|\"(.*?)\")(?= = |$)", lambda m: f'{m[1]}: {m[2] or m[3]}', parameter)
    bare = re.sub(r'\b(?:typing|pathlib|collections\.abc|synapse_hooks(?:\.\w+)*)\.', '', plain)
    return re.sub(r'<factory>|<function .* at \w+>|<[^>]* object at [^>]*>', '...', bare)


def _default(source: str) -> str:
    """A default as its source has it, without what only a dataclass needs."""
    made = {'dict': '{}', 'list': '[]'}
    if found := re.fullmatch(r'field\((?:default_factory|default)=(.*?)(?:, \w+=.*)?\)', source):
        return made.get(found[1], '...')
    return source


def _told_of(module: ModuleType, name: str) -> str:
    """The string below a constant, in the module that defines it."""
    for place in _homes(module, name):
        body = ast.parse(Path(str(place.__file__)).read_text(encoding='utf-8')).body
        for node, below in itertools.pairwise(body):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, 'target', None)]
            named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
            if named and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                return inspect.cleandoc(str(below.value.value))
    return ''


def _homes(module: ModuleType, name: str) -> Iterator[ModuleType]:
    yield module
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
            yield import_module(node.module)
