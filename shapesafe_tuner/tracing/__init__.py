"""From ``build(hp)`` and the user's data to a verdict."""
