"""Files of the user's that stand in for modules that Instep needs, such as a `json.py` beside the flow.

Python finds what lies beside the program, or in `PYTHONPATH`, before its own modules. What then fails is far from the
reason, so the reason is looked for when something has failed.
"""

from __future__ import annotations

import os
import sys

_PACKAGES = frozenset({"blake3", "click", "google", "grpc", "numpy", "pandas", "pyarrow", "rich"})
"""What Instep needs beside Python's own modules. All of them are folders, and no files."""


def shadowing_file() -> str | None:
    """Finds a file that was loaded in place of a module that Instep needs.

    Returns:
        What to tell the user. None: there is none.
    """
    own = os.path.dirname(os.__file__) + os.sep
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        is_package_shadowed = name in _PACKAGES and os.path.basename(file) == f"{name}.py"
        is_own_shadowed = name in sys.stdlib_module_names and file and not file.startswith(own)
        if is_package_shadowed or is_own_shadowed:
            return (
                f"{file} stands in for the module {name!r}, which Instep needs. Rename the file, or take its folder out "
                "of PYTHONPATH."
            )
    return None
