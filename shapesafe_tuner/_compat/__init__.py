"""The only place that names private parts of Keras, its backends and KerasTuner."""
