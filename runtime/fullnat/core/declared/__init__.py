"""What the controller is told to be: commands, the model that they change, and what may be in it."""
