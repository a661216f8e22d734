"""Other people's workflow libraries, traced. One module each; each imports its library, nothing else does."""
