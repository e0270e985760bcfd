"""Another format that is called `names`."""

from synapse_hooks import hookimpl


@hookimpl
def convert(context, target_format):
    if target_format != 'names':
        return None
    config = context.output_dir / 'names.txt'
    config.write_text('by other-names\n', encoding='utf-8')
    return {'path': context.output_dir, 'config_path': config, 'format': 'names'}
