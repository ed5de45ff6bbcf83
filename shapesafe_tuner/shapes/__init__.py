"""Arithmetic of shapes: rules for layers, and never an import of Keras."""
