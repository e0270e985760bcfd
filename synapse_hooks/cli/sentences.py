"""Sentences for people on stderr, and how far something is: with colours and a bar on a terminal, plain elsewhere."""
