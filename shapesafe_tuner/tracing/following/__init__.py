"""What a ``fit`` or ``run_trial`` of the user's own gives to Keras's ``fit``."""
