"""What can be said of a whole search space."""
