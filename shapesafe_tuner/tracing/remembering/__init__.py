"""What is worked out once: keys that are equal for equal things, and the steps of models."""
