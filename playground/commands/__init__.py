"""What `python -m playground` can do: one file for each command."""
