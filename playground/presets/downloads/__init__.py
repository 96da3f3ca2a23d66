"""Where a model that is not on this machine comes from."""
