"""Private names of KerasTuner."""
