"""`workspace`: init, import, add-model, list; ids for people and for scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.environments import Environment


def test_a_workspace_is_made_filled_and_listed(bare: Environment, project: Path, data: Path) -> None:
    own = bare.at(project, SYNAPSE_WORKSPACE=str(project / 'ws'))
    assert own.hooks('workspace', 'list').out == f'there is no workspace at {project}/ws yet\n'
    assert own.hooks('workspace', 'init').out == f'{project}/ws\n'
    assert own.hooks('workspace', 'init', '--json').json == {'path': f'{project}/ws'}
    assert own.hooks('workspace', 'list').out == f'{project}/ws is empty\n'

    dataset = own.hooks('workspace', 'import', data, '--name', 'scenes').out.strip()
    (project / 'epoch9.pt').write_bytes(b'weights')
    model = own.hooks('workspace', 'add-model', 'epoch9.pt', '--name', 'base', '--json').json
    assert model['name'] == 'base'
    listed = own.hooks('workspace', 'list', '--json').json
    assert [(str(d['id']), d['name'], d['count'], d['splits']) for d in listed['datasets']] == [
        (dataset, 'scenes', 4, {'train': 2, 'valid': 2})
    ]
    (base,) = listed['models']
    assert (base['id'], base['category']) == (model['id'], 'base')
    # A single file of weights is the model's best.pt.
    assert [file.name for file in Path(base['path']).iterdir()] == ['best.pt']
    shown = own.hooks('workspace', 'list').out
    assert 'scenes' in shown
    assert 'base' in shown


def test_a_model_that_is_one_file_keeps_what_its_name_says_of_its_format(bare: Environment, project: Path) -> None:
    for name in ('w.safetensors', 'w.onnx', 'w.bin'):
        (project / name).write_bytes(b'weights')
        bare.hooks('workspace', 'add-model', name, '--name', name)
    models = bare.hooks('workspace', 'list', '--json').json['models']
    stored = {model['name']: [file.name for file in Path(model['path']).iterdir()] for model in models}
    assert stored == {name: [name] for name in ('w.safetensors', 'w.onnx', 'w.bin')}


def test_import_makes_a_missing_workspace_and_goes_before_the_environment(
    bare: Environment, project: Path, data: Path
) -> None:
    own = bare.at(project, SYNAPSE_WORKSPACE=str(project / 'other'))
    made = own.hooks('workspace', 'import', data, '--name', 'a', '--workspace', 'here', '--json').json
    assert (made['name'], made['count'], made['splits']) == ('a', 4, {'train': 2, 'valid': 2})
    assert (project / 'here').is_dir()
    assert not (project / 'other').exists()
    folder = project / 'model'
    folder.mkdir()
    (folder / 'anything.bin').write_bytes(b'1')
    added = own.hooks('workspace', 'add-model', 'model', '--name', 'm', '--workspace', 'new', '--json').json
    assert added['id']


def test_what_is_imported_from_another_format_is_a_dataset_like_any_other(bare: Environment, data: Path) -> None:
    bare.hooks('convert', data, 'yolo', '--to', 'yolo')
    made = bare.hooks('workspace', 'import', 'yolo', '--name', 'from-yolo', '--json').json
    assert (made['count'], made['splits']) == (4, {'train': 2, 'valid': 2})
    run = bare.hooks('train', 'actions:Count', '-p', 'dataset=from-yolo', '--json', TARGET_FORMAT='coco').json
    assert run['dataset']['classes'] == ['car']


def test_items_that_cannot_be_read_are_left_out_if_asked(bare: Environment, project: Path, data: Path) -> None:
    bare.hooks('convert', data, 'yolo', '--to', 'yolo')
    label = next((project / 'yolo' / 'labels' / 'train').iterdir())
    label.write_text('torn')
    refused = bare.hooks('workspace', 'import', 'yolo', '--name', 'a', code=1)
    assert '`--unreadable skip`' in refused.err
    made = bare.hooks('workspace', 'import', 'yolo', '--name', 'a', '--unreadable', 'skip', '--json').json
    assert (made['count'], made['losses']['unreadable']['count']) == (3, 1)
    refused = bare.hooks('workspace', 'import', 'yolo', '--name', 'b', '--unreadable', 'some', code=2)
    assert "unreadable: must be 'skip', 'fail' or a share from 0 to 1, got 'some'" in refused.err


@pytest.mark.parametrize(
    ('words', 'code', 'problem'),
    [
        (['import', 'nowhere', '--name', 'n'], 1, 'there is nothing at nowhere'),
        (['import', '{data}', '--name', 'n', '--from', 'cocoo'], 2, "there is no format 'cocoo'"),
        (['import', '.', '--name', 'n'], 1, 'has none of the known formats'),
        (['import', '{data}'], 2, 'the following arguments are required: --name'),
        (['add-model', 'nowhere', '--name', 'n'], 1, 'there is no model at nowhere'),
    ],
)
def test_what_cannot_be_taken_in_is_named(
    words: list[str], code: int, problem: str, bare: Environment, data: Path
) -> None:
    ended = bare.hooks('workspace', *[word.format(data=data) for word in words], '--json', code=code)
    assert problem in ended.err
    assert '\n  → ' in ended.err
    assert problem in ended.json['error']['message']
    listed = bare.hooks('workspace', 'list', '--json').json
    assert (listed['datasets'], listed['models']) == ([], [])


def test_options_of_every_command_may_stand_on_either_side(bare: Environment) -> None:
    assert bare.hooks('workspace', '--json', 'list').json == bare.hooks('workspace', 'list', '--json').json
    for words in (['workspace', '--block', 'nobody', 'import', '.', '--name', 'n'],
                  ['workspace', 'import', '.', '--name', 'n', '--block', 'nobody']):  # fmt: skip
        assert "--block: there is no plugin or distribution called 'nobody'" in bare.hooks(*words, code=2).err
