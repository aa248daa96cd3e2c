"""Configuration files of the servers: config/* with @{name} filled in ("$" belongs to nginx)."""

import pathlib
import string

_CONFIG = pathlib.Path(__file__).resolve().parent.parent / "config"


class _Template(string.Template):
    delimiter = "@"


def path(name: str) -> str:
    return str(_CONFIG / name)


def render(name: str, directory: pathlib.Path, **values: object) -> str:
    """Writes config/NAME with VALUES filled in to DIRECTORY; the path of what was written."""
    target = directory / name
    target.write_text(_Template((_CONFIG / name).read_text()).substitute(values, dir=directory))
    return str(target)
