"""Follows a run of ``build``, to know when two runs have the same future."""
