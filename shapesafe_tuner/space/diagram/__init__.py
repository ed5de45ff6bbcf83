"""A space as a decision diagram: runs of ``build`` that have the same future are one."""
