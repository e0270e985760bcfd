"""A format in ten lines: the names of the classes, one a line."""

from synapse_hooks import hookimpl


@hookimpl
def convert(context, dataset, target_format):
    if target_format != 'names':
        return None
    config = context.output_dir / 'names.txt'
    config.write_text('\n'.join(['by acme-names', *dataset.get('classes', [])]) + '\n', encoding='utf-8')
    return {'path': context.output_dir, 'config_path': config, 'format': 'names'}
