"""Both doors into the kernel, in every kind of environment: see `environments`."""
