"""The public names of the package, and what importing it costs."""

import subprocess
import sys

import instep

PUBLIC = [
    "NA",
    "Config",
    "DataArtifact",
    "Flow",
    "FlowSpec",
    "ForeignObject",
    "IncludeFile",
    "Instep",
    "InstepError",
    "JSONType",
    "NDArray",
    "NamedList",
    "NamedVector",
    "OpenedObject",
    "Parameter",
    "Run",
    "RunEvent",
    "Runner",
    "Step",
    "Task",
    "TaskException",
    "catch",
    "config_expr",
    "current",
    "default_namespace",
    "environment",
    "errors",
    "get_namespace",
    "namespace",
    "program_function",
    "project",
    "py_function",
    "r_function",
    "register_type",
    "resources",
    "retry",
    "step",
    "timeout",
]


def test_public_names_are_those_of_this_list() -> None:
    assert sorted(instep.__all__) == sorted(PUBLIC)


def test_every_public_name_can_be_imported() -> None:
    for name in instep.__all__:
        assert getattr(instep, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(instep, "no_such_name")


def test_importing_the_flow_language_imports_nothing_heavy() -> None:
    code = (
        "import sys; from instep import FlowSpec, step, Parameter, current, Flow;"
        "print([m for m in ('grpc', 'google.protobuf', 'numpy', 'pyarrow', 'pandas', 'click', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
