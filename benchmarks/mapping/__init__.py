"""What the measurements of maps share."""
