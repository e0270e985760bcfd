"""Boxes in one CSV file, images beside it: a format that reads and writes."""

import csv

from synapse_hooks.data import Box, Sample
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats import Format


class CsvFormat(Format):
    name = 'boxes-csv'

    def recognise(self, path):
        return (path / 'boxes.csv').is_file()

    def read(self, path):
        if not (path / 'boxes.csv').is_file():
            raise DatasetInvalid(f'there is no boxes.csv in {path}')
        with (path / 'boxes.csv').open(newline='', encoding='utf-8') as file:
            rows = list(csv.DictReader(file))
        for image in sorted({row['image'] for row in rows}):
            boxes = [
                Box(*(float(row[side]) for side in 'xywh'), label=row['label']) for row in rows if row['image'] == image
            ]
            yield Sample(image.rpartition('.')[0], image=path / image, annotations=boxes)

    def write(self, samples, info, out):
        config = out / 'boxes.csv'
        with config.open('w', newline='', encoding='utf-8') as file:
            rows = csv.writer(file)
            rows.writerow(['image', 'label', 'x', 'y', 'w', 'h'])
            for sample in samples:
                image = sample.id.replace('/', '_') + sample.image.suffix
                self.link_image(sample, out / image)
                for annotation in sample.annotations:
                    if annotation.kind == 'box':
                        rows.writerow([image, annotation.label, annotation.x, annotation.y, annotation.w, annotation.h])
                    else:
                        self.report.dropped(annotation.kind, 'a table of boxes holds boxes only')
        return config
