"""Include files: parameters of a flow whose value is the content of a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Self

from instep._config import with_configs
from instep.errors import ParameterInvalidError


class IncludeFile:
    """A file of which a flow keeps the content: the option `--name PATH` of its command `run`.

    It is declared as a class attribute. The file is read when a run starts, and steps read its content under the name of
    the attribute, whatever becomes of the file.

    Args:
        name: Name of the option, without dashes. It may differ from the name of the attribute.
        default: Path of the file when none is given, relative to the working directory. None: the content is None.
        required: True when a run cannot start without a path.
        is_text: True: steps see text. False: they see bytes.
        encoding: Encoding of the text. None: UTF-8.
        help: Text for people.
        show_default: True when help shows the default.

    Example:
        >>> prices = IncludeFile("prices", default="prices.csv", help="Prices of diamonds.")
    """

    __slots__ = ("default", "encoding", "file", "help", "is_text", "line", "name", "required", "show_default")

    def __init__(
        self,
        name: str,
        default: str | os.PathLike[str] | None = None,
        required: bool = False,
        is_text: bool = True,
        encoding: str | None = None,
        help: str = "",
        show_default: bool = True,
    ) -> None:
        caller = sys._getframe(1)
        self.name = name
        self.default = default
        self.required = required
        self.is_text = is_text
        self.encoding = encoding
        self.help = help
        self.show_default = show_default
        self.file = caller.f_code.co_filename
        self.line = caller.f_lineno

    def __repr__(self) -> str:
        return f"IncludeFile({self.name!r}, default={self.default!r})"

    def with_configs(self, configs: Mapping[str, object]) -> Self:
        """Puts values in the place of configs and of what `config_expr` returned.

        Args:
            configs: The configs of the flow, by attribute.

        Raises:
            ConfigInvalidError: An expression cannot be evaluated.
        """
        return with_configs(
            self, ("default", "encoding", "help", "is_text", "required", "show_default"), configs
        )

    def default_file(self) -> str:
        """Gives the absolute path of the default. Empty: there is none.

        Raises:
            ParameterInvalidError: The default is no path.
        """
        if self.default is None:
            return ""
        if not isinstance(self.default, str | os.PathLike):
            raise ParameterInvalidError(
                f"The default {self.default!r} of include file '{self.name}' is not a path.",
                parameter=self.name,
            )
        return os.path.abspath(os.path.expanduser(self.default))
