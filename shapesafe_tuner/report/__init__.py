"""Renderers: they read records and write text, nothing else."""
