"""The world that ``build`` sees in an analytic run: stand-ins for what Keras would construct."""
