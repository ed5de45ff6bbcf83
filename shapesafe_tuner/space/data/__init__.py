"""A space whose configurations get different data."""
