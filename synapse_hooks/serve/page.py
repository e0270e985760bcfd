"""The page for people."""


def page() -> str:
    """The page as HTML, with everything in it: it works without any network."""
    return '<!doctype html>'
