"""Whole scenes mapped by tiles that leave no trace."""
