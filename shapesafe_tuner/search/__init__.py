"""What a search does beside its oracle: draws and their replacements, words, workers."""
