"""What is remembered of models that Keras itself has built."""
