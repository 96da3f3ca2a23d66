"""What the page and the notebook panel say and offer in the same words."""
