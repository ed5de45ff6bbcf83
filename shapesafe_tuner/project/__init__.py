"""Files of a project on disk: what is written, how, and by whom."""
