"""It asks for a module that nobody has."""

import acme_lost_dependency  # noqa: F401
