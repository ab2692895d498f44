"""Libraries on ipyrust and on ipykernel: the same cells, and what reaches the client of each."""
