from __future__ import annotations

import math

import pytest
from instep._parameter import JSONType, Parameter, ParameterKind, convert, variable
from instep.errors import ParameterInvalidError


@pytest.mark.holds("6.2 6.5 6.6", "python")
@pytest.mark.parametrize(
    ("parameter", "kind", "value"),
    [
        (Parameter("x"), ParameterKind.STRING, None),
        (Parameter("x", default="a"), ParameterKind.STRING, "a"),
        (Parameter("x", default=5), ParameterKind.INT, 5),
        (Parameter("x", default=0.5), ParameterKind.FLOAT, 0.5),
        (Parameter("x", default=True), ParameterKind.BOOL, True),
        (Parameter("x", type=int), ParameterKind.INT, None),
        (Parameter("x", type=int, default="7"), ParameterKind.INT, 7),
        (Parameter("x", type=float, default=1), ParameterKind.FLOAT, 1.0),
        (Parameter("x", type=bool, default="yes"), ParameterKind.BOOL, True),
        (Parameter("x", type=JSONType, default='{"a": [1]}'), ParameterKind.JSON, {"a": [1]}),
        (Parameter("x", type=JSONType, default={"a": (1, None)}), ParameterKind.JSON, {"a": [1, None]}),
        (Parameter("x", separator=","), ParameterKind.STRING, None),
        (Parameter("x", default="a,b", separator=","), ParameterKind.STRING, ["a", "b"]),
        (Parameter("x", default=["a", "b"], separator=","), ParameterKind.STRING, ["a", "b"]),
    ],
)
def test_parameter_default_has_the_type(parameter: Parameter, kind: ParameterKind, value: object) -> None:
    assert parameter.kind is kind
    default = parameter.default_value()
    assert (type(default), default) == (type(value), value)


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (
            Parameter("x", type=int, default="a"),
            "The default of parameter 'x' must be a whole number, not 'a'.",
        ),
        (Parameter("x", type=int, default=1.5), "The default 1.5 of parameter 'x' is not a whole number."),
        (Parameter("x", type=int, default=True), "The default True of parameter 'x' is not a whole number."),
        (
            Parameter("x", default=2**63),
            "The default 9223372036854775808 of parameter 'x' is not a whole number.",
        ),
        (Parameter("x", type=str, default=5), "The default 5 of parameter 'x' is not text."),
        (Parameter("x", type=bool, default=1), "The default 1 of parameter 'x' is not true or false"),
        (Parameter("x", default=[1]), "Parameter 'x' has the type list, which is none of str, int, float"),
        (Parameter("x", type=bytes), "Parameter 'x' has the type bytes, which is none of"),
        (Parameter("x", type=JSONType, default="{"), "The default of parameter 'x' must be JSON, not '{'"),
        (
            Parameter("x", type=JSONType, default={1, 2}),
            "The default of parameter 'x' cannot be written as JSON",
        ),
        (Parameter("x", type=int, separator=","), "Parameter 'x' has a separator and the type int."),
        (Parameter("x", default=5, separator=","), "The default 5 of parameter 'x' is not text."),
        (
            Parameter("x", default=["a", 1], separator=","),
            "The default ['a', 1] of parameter 'x' is not text.",
        ),
    ],
)
def test_parameter_that_makes_no_sense_is_refused(parameter: Parameter, message: str) -> None:
    with pytest.raises(ParameterInvalidError) as caught:
        parameter.default_value()
    assert caught.value.message.startswith(message)


@pytest.mark.holds("6.2 6.3 6.6", "python")
@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ParameterKind.STRING, "", ""),
        (ParameterKind.STRING, " a ", " a "),
        (ParameterKind.INT, "-12", -12),
        (ParameterKind.INT, "9223372036854775807", 2**63 - 1),
        (ParameterKind.FLOAT, "1e-3", 0.001),
        (ParameterKind.FLOAT, "inf", math.inf),
        *((ParameterKind.BOOL, text, True) for text in ("true", "T", "YES", "y", "1")),
        *((ParameterKind.BOOL, text, False) for text in ("False", "f", "no", "N", "0")),
        (ParameterKind.JSON, "null", None),
        (ParameterKind.JSON, '[1, "a", {"b": true}]', [1, "a", {"b": True}]),
    ],
)
def test_convert_text_that_fits_gives_the_value(kind: ParameterKind, text: str, value: object) -> None:
    converted = convert(text, name="x", kind=kind)
    assert (type(converted), converted) == (type(value), value)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (ParameterKind.INT, "1.5", "Option --n-folds must be a whole number, not '1.5'."),
        (ParameterKind.INT, "", "Option --n-folds must be a whole number, not ''."),
        (
            ParameterKind.INT,
            str(2**63),
            "Option --n-folds must be a whole number, not '9223372036854775808'.",
        ),
        (ParameterKind.FLOAT, "a", "Option --n-folds must be a number, not 'a'."),
        (
            ParameterKind.BOOL,
            "on",
            "Option --n-folds must be true or false (or t, f, yes, no, y, n, 1, 0), not 'on'.",
        ),
        (
            ParameterKind.JSON,
            '{"a": }',
            "Option --n-folds must be JSON, not '{\"a\": }' (Expecting value at character 7).",
        ),
        (ParameterKind.JSON, "[" * 100_000, "Option --n-folds must be JSON, not '" + "[" * 57 + "...'."),
        (
            ParameterKind.INT,
            "9" * 5000,
            "Option --n-folds must be a whole number, not '" + "9" * 57 + "...'.",
        ),
    ],
)
def test_convert_text_that_does_not_fit_names_the_option(
    kind: ParameterKind, text: str, message: str
) -> None:
    with pytest.raises(ParameterInvalidError) as caught:
        convert(text, name="n-folds", kind=kind)
    assert caught.value.message == message


@pytest.mark.holds("6.5", "python")
def test_convert_separator_splits_text() -> None:
    assert convert("a;b;", name="x", kind=ParameterKind.STRING, separator=";") == ["a", "b", ""]


def test_variable_is_the_name_in_capitals() -> None:
    assert variable("n-folds") == "INSTEP_RUN_N_FOLDS"


def test_parameter_knows_where_it_is_written() -> None:
    parameter = Parameter("x", help="Help.", required=True)
    assert parameter.file == __file__
    assert parameter.line > 100


@pytest.mark.parametrize(
    ("parameter", "returned", "value"),
    [
        (Parameter("x", default=lambda context: "a"), "a", "a"),
        (Parameter("x", default=lambda context: 1, type=int), 3, 3),
        (Parameter("x", default=lambda context: 1, type=float), 3, 3.0),
        (Parameter("x", default=lambda context: 1, type=bool), True, True),
        (Parameter("x", default=lambda context: 1, type=JSONType), '{"a": [1]}', {"a": [1]}),
        (Parameter("x", default=lambda context: 1, separator=","), "a,b", ["a", "b"]),
        (Parameter("x", default=lambda context: 1, separator=","), ["a", "b"], ["a", "b"]),
    ],
)
def test_what_a_function_returns_fits_the_type(parameter: Parameter, returned: object, value: object) -> None:
    assert parameter.has_function_default
    assert parameter.default_value() is None
    found = parameter.check_returned(returned)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.holds("6.8", "python")
@pytest.mark.parametrize(
    ("parameter", "returned", "expected"),
    [
        (Parameter("x", default=lambda context: 1), 1, "It returned 1 (int), but must return text."),
        (
            Parameter("x", default=lambda context: 1, type=int),
            "1",
            "It returned '1' (str), but must return a whole",
        ),
        (
            Parameter("x", default=lambda context: 1, type=bool),
            1,
            "It returned 1 (int), but must return true",
        ),
        (Parameter("x", default=lambda context: 1, type=int), True, "It returned True (bool)"),
        (Parameter("x", default=lambda context: 1, type=JSONType), {}, "but must return JSON text."),
        (
            Parameter("x", default=lambda context: 1, type=JSONType),
            "{",
            "What it returned must be JSON, not '{'",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_parameter(
    parameter: Parameter, returned: object, expected: str
) -> None:
    with pytest.raises(ParameterInvalidError) as caught:
        parameter.check_returned(returned)
    assert expected in caught.value.message
