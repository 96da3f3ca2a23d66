"""What explains the model: a text read once more, layer by layer, and what it shows."""
