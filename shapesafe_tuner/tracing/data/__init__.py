"""The shapes of the user's data, as ``fit`` makes batches of it."""
