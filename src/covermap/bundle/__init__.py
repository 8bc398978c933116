"""A trained model as a folder: the facts that its use needs, and its weights."""
