"""Published experiments as project files, with their parameters and numbers."""
