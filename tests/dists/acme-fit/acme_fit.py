"""A training framework of a few lines: it counts epochs and tells whoever listens."""

listeners = []


def fit(epochs):
    for epoch in range(1, epochs + 1):
        for listener in listeners:
            listener(epoch, {'train/loss': 1 / epoch})
