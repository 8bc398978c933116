"""What agencies and cameras publish, opened as scenes: named bands, physical values, validity."""
