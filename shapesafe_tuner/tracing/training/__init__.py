"""Pass 3: what the training of a model meets, traced by the backend."""
