"""Stand-ins for objects of the user's own classes: their code runs, and Keras's does not."""
