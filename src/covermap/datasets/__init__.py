"""Published layouts and generated worlds as scenes with labels."""
