"""What holds for all tests: the same examples each time, however slow the machine."""

from hypothesis import settings

settings.register_profile("same each time", derandomize=True, deadline=None)
settings.load_profile("same each time")
