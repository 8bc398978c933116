"""Windows of scenes: planned, split without leaks, audited, loaded."""
