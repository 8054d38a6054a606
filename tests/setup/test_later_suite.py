"""A later Debian suite is derived from the machine's own package sources, whatever their format."""

from __future__ import annotations

import pytest

from scripts.instep_setup.later_suite import (
    Source,
    later_sources,
    read_deb822,
    read_one_line,
    suites_after,
)

DEB822 = """\
Types: deb
# the main archive
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://mirror.invalid/security
Suites: bookworm-security
Components: main

Types: deb-src
URIs: http://mirror.invalid/debian
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.invalid/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
# comment
deb http://mirror.invalid/debian bookworm main non-free # trailing words are components to apt
deb-src http://mirror.invalid/debian bookworm main
deb [arch=amd64 signed-by=/key.gpg] http://other.invalid/debian bookworm main
deb cdrom:[Debian]/ bookworm main
"""


@pytest.mark.parametrize(
    ("codename", "later"),
    [("bookworm", ("trixie", "forky", "sid")), ("forky", ("sid",)), ("sid", ()), ("noble", ()), ("", ())],
)
def test_suites_after_lists_later_releases_nearest_first(codename: str, later: tuple[str, ...]) -> None:
    assert suites_after(codename) == later


def test_deb822_sources_are_read_without_source_code_and_switched_off_ones() -> None:
    assert read_deb822(DEB822) == [
        Source(
            ("http://mirror.invalid/debian",),
            ("bookworm", "bookworm-updates"),
            ("main", "contrib"),
            (("Signed-By", "/usr/share/keyrings/archive.gpg"),),
        ),
        Source(("http://mirror.invalid/security",), ("bookworm-security",), ("main",)),
    ]


def test_deb822_key_over_several_lines_is_kept() -> None:
    key = "Signed-By:\n -----BEGIN PGP\n .\n abc\n -----END"
    text = f"Types: deb\nURIs: http://m.invalid\nSuites: bookworm\nComponents: main\n{key}\n"
    assert key.partition("\n")[2] in later_sources(read_deb822(text), "bookworm", "trixie")


def test_one_line_sources_are_read_with_their_options() -> None:
    sources = read_one_line(ONE_LINE)
    assert [source.uris[0].partition("/")[0] for source in sources] == ["http:", "http:", "cdrom:[Debian]"]
    assert sources[1].options == (("Architectures", "amd64"), ("Signed-By", "/key.gpg"))


def test_later_sources_hold_only_the_archive_of_the_release() -> None:
    assert later_sources(read_deb822(DEB822), "bookworm", "trixie") == (
        "Types: deb\nURIs: http://mirror.invalid/debian\nSuites: trixie\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/archive.gpg\n"
    )
    assert "cdrom" not in later_sources(read_one_line(ONE_LINE), "bookworm", "trixie")
    assert later_sources(read_deb822(DEB822), "noble", "trixie") == ""
