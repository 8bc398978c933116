"""Small generated ground for published layouts: where which class lies, and what it looks like."""
