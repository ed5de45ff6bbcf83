"""Benchmarks of shapesafe_tuner: ``python -m benchmarks`` lists them."""
