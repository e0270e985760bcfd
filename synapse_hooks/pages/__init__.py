"""What all HTML pages are made of: elements, the style, the document around them, pictures in it."""

from synapse_hooks.pages.document import document
from synapse_hooks.pages.html import Html, escaped, join, table, tag
from synapse_hooks.pages.style import STYLE

__all__ = ['STYLE', 'Html', 'document', 'escaped', 'join', 'table', 'tag']
