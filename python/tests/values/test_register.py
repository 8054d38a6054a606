from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instep import register_type
from instep.errors import UsageError
from instep.values import (
    ForeignObject,
    LossWarning,
    ValueDecodeError,
    ValueEncodeError,
    _types,
    decode,
    decode_item,
    describe,
    encode,
)
from instep_proto.v1 import value_pb2 as pb


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    y: float


@dataclasses.dataclass(frozen=True)
class Labelled(Point):
    label: str = ""


@dataclasses.dataclass(frozen=True)
class Segment:
    ends: tuple[Point, Point]
    note: object = None


class Shelf:
    """A class of the user's that is no dataclass and has items."""

    def __init__(self, books: list[str]) -> None:
        self.books = books

    def __len__(self) -> int:
        return len(self.books)

    def __getitem__(self, index: int) -> str:
        return self.books[index].upper()


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """Each test begins with no registered types, and those that it registers are forgotten after it."""
    tables: list[dict[Any, Any]] = [_types.by_name, _types.by_kind]
    before = [dict(table) for table in tables]
    for table in tables:
        table.clear()
    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)


@pytest.fixture
def point() -> type[Point]:
    return register_type("geo.point", Point)


def stored(value: object) -> bytes:
    return encode(value, inline=True).manifest


def read(manifest: bytes, **options: Any) -> Any:
    return decode(manifest, lambda digest, size: b"", **options)


def read_without(manifest: bytes) -> Any:
    """Reads as a process does that has registered nothing."""
    _types.by_name.clear()
    return read(manifest)


def test_dataclass_is_stored_as_a_record_with_the_name_of_its_type(point: type) -> None:
    encoded = encode(Point(1.0, 2.0), inline=True)
    node = pb.Manifest.FromString(encoded.manifest).nodes[0]
    assert node.registered_type == "geo.point"
    assert [name.text for name in node.record.names] == ["x", "y"]
    assert encoded.portable
    assert describe(encoded.manifest) == ("geo.point", "geo.point (dict of 2)")
    assert read(encoded.manifest) == Point(1.0, 2.0)


POINTS = st.builds(Point, st.floats(allow_nan=False), st.floats(allow_nan=False))
NESTED: Any = st.recursive(
    st.integers() | st.text() | POINTS | st.builds(Segment, st.tuples(POINTS, POINTS)),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(POINTS, inner)
        | st.frozensets(POINTS)
        | st.builds(Segment, st.tuples(POINTS, POINTS), inner)
    ),
    max_leaves=15,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NESTED)
def test_registered_types_come_back_at_any_depth(point: type, value: object) -> None:
    register_type("geo.segment", Segment)
    encoded = encode(value, inline=True)
    assert encoded.portable
    assert read(encoded.manifest) == value
    assert encode(read(encoded.manifest)).digest == encoded.digest


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NESTED)
def test_reader_without_the_type_reads_all_in_its_portable_form(point: type, value: object) -> None:
    register_type("geo.segment", Segment)
    manifest = stored(value)
    held = dict(_types.by_name)
    assert Point.__name__ not in repr(read_without(manifest))
    _types.by_name.update(held)


def test_portable_form_is_a_dict(point: type) -> None:
    manifest = stored({"at": [Point(1.0, 2.0)]})
    assert read_without(manifest) == {"at": [{"x": 1.0, "y": 2.0}]}


def test_what_no_set_or_dict_can_hold_is_read_as_a_list(point: type) -> None:
    manifest = stored(({Point(1.0, 2.0)}, {Point(1.0, 2.0): "a"}))
    form = {"x": 1.0, "y": 2.0}
    assert read_without(manifest) == ([form], [(form, "a")])


def test_functions_make_the_form_and_the_value(round_trip: Any) -> None:
    register_type("lib.shelf", Shelf, to_portable=lambda shelf: shelf.books, from_portable=Shelf)
    shelf = round_trip([Shelf(["a", "b"])])[0]
    assert type(shelf) is Shelf
    assert shelf.books == ["a", "b"]


def test_form_may_be_of_any_kind(round_trip: Any) -> None:
    register_type("geo.point", Point, to_portable=lambda p: complex(p.x, p.y), from_portable=as_point)
    assert round_trip({"p": Point(1.0, 2.0)}) == {"p": Point(1.0, 2.0)}


def as_point(number: complex) -> Point:
    return Point(number.real, number.imag)


def test_subclass_is_another_type(point: type, round_trip: Any) -> None:
    value = Labelled(1.0, 2.0, "here")
    assert not encode(value).portable
    assert round_trip(value) == value
    register_type("geo.labelled", Labelled)
    assert encode([value, Point(1.0, 2.0)]).portable
    assert round_trip([value, Point(1.0, 2.0)]) == [value, Point(1.0, 2.0)]


def test_type_can_be_registered_after_a_value_was_stored() -> None:
    assert not encode(Point(1.0, 2.0)).portable
    register_type("geo.point", Point)
    assert encode(Point(1.0, 2.0)).portable


def test_forbidding_opaque_values_does_not_close_registered_ones(point: type) -> None:
    assert read(stored(Point(1.0, 2.0)), allow_opaque=False) == Point(1.0, 2.0)


def test_opaque_value_inside_of_a_form_stays_closed_alone(point: type) -> None:
    register_type("geo.segment", Segment)
    value = Segment((Point(0.0, 0.0), Point(1.0, 1.0)), note=Labelled(1.0, 2.0))
    segment = read(stored(value), allow_opaque=False)
    assert segment.ends == value.ends
    assert isinstance(segment.note, ForeignObject)


def test_items_of_a_foreach_are_those_of_the_value() -> None:
    register_type("lib.shelf", Shelf, to_portable=lambda shelf: shelf.books, from_portable=Shelf)
    manifest = stored(Shelf(["a", "b"]))
    assert decode_item(manifest, 1, lambda digest, size: b"") == "B"
    _types.by_name.clear()
    assert decode_item(manifest, 1, lambda digest, size: b"") == "b"


def test_value_that_holds_itself_is_stored_as_one_opaque_value() -> None:
    register_type(
        "lib.shelf",
        Shelf,
        to_portable=lambda shelf: {"books": shelf.books},
        from_portable=lambda form: Shelf(**form),
    )
    shelf = Shelf([])
    shelf.books.append(shelf)  # type: ignore[arg-type]
    with pytest.warns(LossWarning, match="only Python can read"):
        assert not encode(shelf).portable


def fail(_: object) -> Any:
    raise ZeroDivisionError("no way")


def test_error_while_storing_names_type_artifact_and_path() -> None:
    register_type("geo.point", Point, to_portable=fail, from_portable=as_point)
    with pytest.raises(ValueEncodeError) as caught:
        encode({"fits": [1, Point(1.0, 2.0)]}, name="result")
    error = caught.value
    assert error.message == (
        "Artifact 'result' can't be stored: self.result[\"fits\"][1] is a Point, registered as 'geo.point', "
        "whose to_portable raised ZeroDivisionError: no way."
    )
    assert (error.code, error.path) == ("TYPE_FAILED", 'self.result["fits"][1]')
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_error_while_reading_names_type_and_path(point: type) -> None:
    manifest = stored({"fits": [1, Point(1.0, 2.0)]})
    register_type("geo.point", Point, to_portable=fail, from_portable=fail)
    with pytest.raises(ValueDecodeError) as caught:
        read(manifest)
    error = caught.value
    assert error.message == (
        "The stored value can't be read: at value[\"fits\"][1], from_portable of the type 'geo.point' raised "
        "ZeroDivisionError: no way."
    )
    assert error.code == "TYPE_FAILED"
    assert isinstance(error.__cause__, ZeroDivisionError)


def nothing(_: object) -> Any:
    return None


def test_from_portable_must_return_an_instance(point: type) -> None:
    manifest = stored(Point(1.0, 2.0))
    register_type("geo.point", Point, to_portable=fail, from_portable=nothing)
    with pytest.raises(ValueDecodeError, match="returned a NoneType instead of a Point"):
        read(manifest)


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (lambda point: point, "returned a Point, which is of a registered type, too"),
        (lambda point: Labelled(1.0, 2.0), "returned a Labelled, which only one language can read"),
    ],
)
def test_to_portable_must_return_what_every_language_can_read(form: Any, problem: str) -> None:
    register_type("geo.point", Point, to_portable=form, from_portable=as_point)
    with pytest.raises(ValueEncodeError, match=problem):
        encode(Point(1.0, 2.0))


@pytest.mark.parametrize("name", ["", "1a", "a b", "a" * 101, "gr\u00f6\u00dfe", "a\n", None])
def test_name_must_be_one_that_all_languages_have(name: Any) -> None:
    with pytest.raises(UsageError, match="can't be the name of a type"):
        register_type(name, Point)


def test_names_of_instep_are_reserved() -> None:
    with pytest.raises(UsageError, match="reserved"):
        register_type("instep.point", Point)


@pytest.mark.parametrize("kind", [dict, int, type(None), ForeignObject])
def test_types_that_instep_stores_cannot_be_registered(kind: type) -> None:
    with pytest.raises(UsageError, match="Instep stores it itself"):
        register_type("my.type", kind, to_portable=list, from_portable=kind)


def test_types_of_libraries_that_instep_stores_cannot_be_registered() -> None:
    numpy = pytest.importorskip("numpy")
    with pytest.raises(UsageError, match="Instep stores it itself"):
        register_type("my.array", numpy.ndarray, to_portable=list, from_portable=numpy.array)


def test_name_and_class_belong_together(point: type) -> None:
    with pytest.raises(
        UsageError, match=r"Point can't be registered as 'geo\.dot': it is registered as 'geo\.point'"
    ):
        register_type("geo.dot", Point)
    with pytest.raises(UsageError, match=r"'geo\.point' belongs to the class .*Point already"):
        register_type("geo.point", Segment)
    other = dataclasses.make_dataclass("Point", [("x", float)], namespace={"__module__": "elsewhere"})
    with pytest.raises(UsageError, match=r"belongs to the class .*Point already"):
        register_type("geo.point", other)


def test_class_that_was_defined_again_takes_the_name(point: type) -> None:
    fields = [("x", float), ("y", float)]
    again = dataclasses.make_dataclass("Point", fields, namespace={"__module__": __name__})
    register_type("geo.point", again)
    assert type(read(stored(Point(1.0, 2.0)))) is again


def test_both_functions_are_needed_unless_the_fields_say_all() -> None:
    @dataclasses.dataclass
    class Computed:
        x: float
        twice: float = dataclasses.field(init=False)

    for kind in (Shelf, Computed):
        with pytest.raises(UsageError, match="is not a dataclass whose arguments are its fields"):
            register_type("my.type", kind)
    with pytest.raises(UsageError, match="needs both functions"):
        register_type("my.type", Shelf, to_portable=vars)


def test_only_a_class_can_be_registered() -> None:
    with pytest.raises(UsageError, match="must be registered with a class"):
        register_type("my.type", Point(1.0, 2.0))  # type: ignore[call-overload]


def test_decorator_returns_the_class() -> None:
    @register_type("my.pair")
    @dataclasses.dataclass
    class Pair:
        a: int
        b: int

    assert read(stored(Pair(1, 2))) == Pair(1, 2)
