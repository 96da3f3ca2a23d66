"""How fast the playground is, beside others: `make bench`."""
