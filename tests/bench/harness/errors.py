"""The two ways a measurement can have no figure."""


class Failed(Exception):
    """The work was tried and not done; the text says why. The cell of the table shows it."""


class Skipped(Exception):
    """The proxy cannot do this kind of work, or is not there; no fault of anybody."""
