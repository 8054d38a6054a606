"""Where a later Debian suite is: this machine's own package sources, with another suite in their place.

Pure functions over the text of apt's source files, in both formats that apt reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SUITES = ("bullseye", "bookworm", "trixie", "forky", "sid")
"""Debian's releases in order. The last one is always open."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source of Debian packages."""

    uris: tuple[str, ...]
    """Where the archive is."""
    suites: tuple[str, ...]
    """Releases taken from it."""
    components: tuple[str, ...]
    """Parts of the archive, such as `main`."""
    options: tuple[tuple[str, str], ...] = ()
    """Further fields in deb822 spelling, such as `Signed-By`; a value can have several lines."""


def suites_after(codename: str) -> tuple[str, ...]:
    """Returns the releases later than one, nearest first; none when it is not a known Debian release."""
    if codename not in SUITES:
        return ()
    return SUITES[SUITES.index(codename) + 1 :]


def read_deb822(text: str) -> list[Source]:
    """Reads a file `*.sources`. Sources that are switched off, or hold only source code, are left out."""
    sources = []
    for paragraph in re.split(r"\n[ \t]*\n", _without_comments(text)):
        fields = _fields(paragraph)
        if "deb" not in fields.pop("types", "").split() or fields.pop("enabled", "yes") == "no":
            continue
        uris, suites, components = (fields.pop(name, "") for name in ("uris", "suites", "components"))
        options = tuple((name.title(), value) for name, value in fields.items())
        sources.append(Source(tuple(uris.split()), tuple(suites.split()), tuple(components.split()), options))
    return sources


def read_one_line(text: str) -> list[Source]:
    """Reads a file `*.list`: lines like `deb [signed-by=/key.gpg] URI SUITE COMPONENT...`."""
    sources = []
    for line in _without_comments(text).splitlines():
        match = re.match(
            r"\s*deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>.*)", line
        )
        if match is None:
            continue
        pairs = (option.partition("=") for option in (match["options"] or "").split())
        options = tuple((_DEB822_NAMES.get(name.lower(), name.title()), value) for name, _, value in pairs)
        sources.append(Source((match["uri"],), (match["suite"],), tuple(match["rest"].split()), options))
    return sources


def later_sources(sources: Iterable[Source], codename: str, suite: str) -> str:
    """Writes, in deb822 form, those sources that hold `codename`'s `main`, for another suite.

    Returns:
        The text of a `*.sources` file; empty when no source holds that release.
    """
    chosen = [s for s in sources if codename in s.suites and "main" in s.components]
    usable = [s for s in chosen if any(not uri.startswith("cdrom:") for uri in s.uris)]
    return "\n".join(_paragraph(source, suite) for source in dict.fromkeys(usable))


def _paragraph(source: Source, suite: str) -> str:
    lines = ["Types: deb", f"URIs: {' '.join(source.uris)}", f"Suites: {suite}", "Components: main"]
    lines += [f"{name}: {value}" for name, value in source.options]
    return "\n".join(lines) + "\n"


def _fields(paragraph: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in paragraph.splitlines():
        if line[:1] in (" ", "\t"):
            fields[name] += "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


_DEB822_NAMES = {"arch": "Architectures", "lang": "Languages", "target": "Targets"}
