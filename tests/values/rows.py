"""The rows of docs/values.md: what is said of each kind of value, and the cases that are measured.

A case is code that makes a value. Every row has cases of both languages, except the last two, whose values only one
language can make.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One kind of value."""

    title: str
    """What it is in Python, and in R."""
    rule: str
    """What one has to know."""
    python: tuple[str, ...]
    """Code of values that Python stores."""
    r: tuple[str, ...]
    """Code of values that R stores."""


ROWS = (
    Row("`None`, `NULL`", "Also inside lists.", ("None", "[None]"), ("NULL", "list(a = NULL)")),
    Row(
        "Logical values",
        "NA is null. A lone NA is `instep.NA` in Python, whose truth value is an error; vectors with NA are masked arrays.",
        ("True", "NA", "np.array([True, False])"),
        ("TRUE", "NA", "c(TRUE, NA)"),
    ),
    Row(
        "Integers of 32 bits",
        "NA is null. The number -2^31 is R's NA, so R reads it as a double.",
        ("np.int32(5)", "np.array([1, 2], 'int32')", "np.array([-2**31, 1], 'int32')"),
        ("5L", "c(1L, NA)", "NA_integer_"),
    ),
    Row(
        "`int`, integers of 64 bits",
        "R has the smallest of integer, double and `bit64::integer64` that holds all values exactly.",
        ("5", "3000000000", "2**53 + 1", "np.array([1, 2])"),
        ("bit64::as.integer64(5)", "3e9"),
    ),
    Row(
        "`bit64::integer64`",
        "NA is null. -2^63 is its NA, so R refuses that number.",
        ("np.array([2**53 + 1, 1])", "np.int64(-2**63)"),
        ("bit64::as.integer64(c('9007199254740993', NA))",),
    ),
    Row(
        "Integers of other widths",
        "R has wider types. It holds the numbers exactly, so this is no loss that is told; what R stores again has R's width. What a double does not hold exactly is refused.",
        ("np.array([1, 2], 'int8')", "np.uint32(2**32 - 1)", "np.uint64(2**53)", "np.uint64(2**64 - 1)"),
        ("data.frame(x = as.raw(1:2))",),
    ),
    Row(
        "Integers beyond 64 bits, `Decimal`",
        "Text with a class in R, whose own arithmetic they are not.",
        ("10**30", "Decimal('1.10')"),
        ("structure('10', class = 'instep_bigint')", "structure('1.10', class = 'instep_decimal')"),
    ),
    Row(
        "`float`, double",
        "Bit by bit. R's NA is null and a NaN of its own in Python, which R reads as NA again. Every other NaN is one NaN.",
        ("1.5", "np.array([-0.0, np.inf, np.nan])", "NA_FLOAT"),
        ("c(-0, Inf)", "c(NA, NaN)", "NA_real_", "NaN", "1"),
    ),
    Row(
        "Floats of 16 and 32 bits",
        "R has doubles only. They hold the numbers exactly, so this is no loss that is told; what R stores again are doubles.",
        ("np.float32(0.5)", "np.array([0.5, 1], 'float16')"),
        ("0.5",),
    ),
    Row(
        "Complex numbers",
        "NA has both parts missing. Single precision is widened.",
        ("1+2j", "np.array([1+2j, 0])", "np.array([1j], 'complex64')"),
        ("1+2i", "c(1+2i, NA)", "NA_complex_"),
    ),
    Row(
        "Text",
        "UTF-8 as it is, not normalized. R's other encodings are converted. Text that is no Unicode is refused; R can't hold U+0000. Vectors of text are lists in Python; one from R without any text in it remembers that it was text.",
        ("'grün'", "['a', None, 'NA']", r"'a\0b'", r"'\ud800'"),
        (
            "'gr\\u00fcn'",
            "c('a', NA, 'NA')",
            "`Encoding<-`('\\xfc', 'latin1')",
            "`Encoding<-`('\\xfc', 'bytes')",
            "NA_character_",
            "character()",
            "c(NA_character_, NA)",
        ),
    ),
    Row(
        "`bytes`, raw",
        "A raw vector is one value of bytes.",
        ("b'\\0\\xff'", "bytearray(b'a')", "[b'a', b'b']"),
        ("as.raw(c(0, 255))", "list(raw(1), raw(0))"),
    ),
    Row(
        "Dates",
        "Whole days; a time of day is left out. Years beyond 1 to 9999 are NumPy dates in Python.",
        (
            "dt.date(2024, 2, 29)",
            "np.array(['1969-12-31', 'NaT'], 'datetime64[D]')",
            "np.array([2**40], 'datetime64[D]')",
        ),
        (
            "as.Date('2024-02-29')",
            "as.Date(c('1969-12-31', NA))",
            "structure(1.5, class = 'Date')",
            "structure(Inf, class = 'Date')",
            "structure(2932897, class = 'Date')",
        ),
    ),
    Row(
        "Instants",
        "To the microsecond in 1834 to 2106; beyond, as near as R's doubles come. The zone is kept by name. R's local time without a zone is UTC in Python.",
        (
            "dt.datetime(2024, 7, 1, 12, tzinfo=ZoneInfo('Europe/Berlin'))",
            "dt.datetime(2024, 7, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))",
        ),
        (
            "as.POSIXct('2024-07-01 12:00:00.25', tz = 'Europe/Berlin')",
            "as.POSIXct(c('2024-07-01', NA), tz = 'UTC')",
            "structure(0, class = c('POSIXct', 'POSIXt'))",
            "structure(1e300, class = c('POSIXct', 'POSIXt'))",
        ),
    ),
    Row(
        "Naive times",
        "In R they are UTC with a mark; without the mark they come back as UTC.",
        ("dt.datetime(2024, 1, 2, 3, 4, 5)", "np.array(['2024-01-02T03', 'NaT'], 'datetime64[us]')"),
        ("structure(0, class = c('POSIXct', 'POSIXt'), tzone = 'UTC', instep_naive = TRUE)",),
    ),
    Row(
        "Nanoseconds, `POSIXlt`",
        "R has the nearest microsecond. `POSIXlt` is stored as `POSIXct`.",
        ("np.array([1], 'datetime64[ns]')", "pd.Timestamp('2024-01-02', tz='UTC')"),
        ("as.POSIXlt('2024-07-01', tz = 'UTC')",),
    ),
    Row(
        "Lengths of time",
        "To the microsecond. In R seconds, unless R stored it.",
        ("dt.timedelta(hours=36)", "np.array([1, 'NaT'], 'timedelta64[D]')", "pd.Timedelta('1ns')"),
        (
            "as.difftime(1.5, units = 'days')",
            "as.difftime(c(1, NA), units = 'secs')",
            "as.difftime(1e-9, units = 'secs')",
        ),
    ),
    Row(
        "Times of day",
        "`hms` where R has that package, else a marked difftime. Vectors are lists in Python.",
        ("dt.time(12, 30, 15, 500000)", "[dt.time(1), None]"),
        (
            "structure(45015.5, units = 'secs', class = 'difftime', instep_time = TRUE)",
            "structure(c(1, NA), units = 'secs', class = 'difftime', instep_time = TRUE)",
        ),
    ),
    Row(
        "Categories, factors",
        "With unused levels and their order. Other categories than text are text in R. A level that is NA is missing in Python.",
        (
            "pd.Categorical(['a', None], ['b', 'a'])",
            "pd.Categorical([1, 2], ordered=True)",
            "pl.Series(['a', None], dtype=pl.Enum(['b', 'a']))",
        ),
        (
            "factor(c('a', NA), levels = c('b', 'a'))",
            "factor('a', levels = c('b', 'a'), ordered = TRUE)",
            "addNA(factor(c('a', NA)))",
        ),
    ),
    Row(
        "Lists of mixed content",
        "R has no tuples and sets: both come back as lists. What has more than a million elements outside of frames, arrays and vectors, or more than 255 levels, only its own language reads: the loss names the limit and what is beyond it.",
        ("[1, 'a', None, [True]]", "(1, 'a')", "{1, 'a'}", "[1, 2.5]", "[]", "nested(200)", "nested(300)"),
        (
            "list(1L, 'a', NULL)",
            "list()",
            "list(1L, 2L)",
            "structure(list(1L), unit = 'kg')",
            "nested(200)",
            "nested(300)",
        ),
    ),
    Row(
        "Lists of scalars of one type",
        "Vectors in R, which come back as arrays; of length one, as a scalar, unless the step wraps it in `I()`.",
        ("[1, 2]", "(1.5, None)", "['a', 'b']", "{True}", "frozenset([1, 2])", "['a']"),
        ("c(1L, 2L)", "I('a')", "instep::scalar('a')"),
    ),
    Row(
        "Dicts with text as keys, named lists",
        "In order. A list of R whose names are not all there and different is an `instep.NamedList`.",
        ("{'a': 1, 'b': None}", "{}", "{'': 1}", "NamedList([1, 2], ['a', None])"),
        (
            "list(a = 1L, b = NULL)",
            "list(a = 1L, a = 2L)",
            "list(a = 1L, 2L)",
            "stats::setNames(list(1L), NA)",
        ),
    ),
    Row(
        "Dicts with other keys",
        "A list of keys and values in R, with a class.",
        ("{1: 'a', 2: 'b'}", "{(1, 2): 'a'}", "{None: 1, 'a': 2}", "{dt.date(2024, 2, 29): 1}"),
        ("structure(list(keys = list(1L), values = list('a')), class = 'instep_pairs')",),
    ),
    Row(
        "Named vectors",
        "`instep.NamedVector` in Python.",
        ("NamedVector(np.array([1.0, 2.0]), ['a', None])", "NamedVector(['x', None], ['a', 'b'])"),
        (
            "c(a = 1, b = 2)",
            "c(a = 'x')",
            "stats::setNames(1:2, c('a', NA))",
            "c(a = 1, a = 2)",
            "c(a = TRUE, 1)",
        ),
    ),
    Row(
        "Matrices and arrays",
        "Each array of R has a dimension at least. Python reads whole numbers and logicals with NA as masked arrays.",
        (
            "np.array([[1, 2], [3, 4]], 'int32')",
            "np.zeros((2, 0, 3))",
            "np.array(1.5)",
            "np.ones((2, 2), order='F')",
        ),
        (
            "matrix(1:4, 2)",
            "array(0, c(2, 0, 3))",
            "array(1:2, 2)",
            "matrix(c(NA, 1L), 1)",
            "matrix(c('a', NA), 1)",
            "table(c('a', 'b', 'a'))",
        ),
    ),
    Row(
        "Names of rows and columns",
        "`instep.NDArray` in Python. What NumPy calculates from it has none.",
        ("NDArray([[1.0, 2.0]], (['r'], ['a', 'b']), ['x', 'y'])",),
        (
            "matrix(1, dimnames = list('r', NULL))",
            "matrix(c(NA, 1L), 1, dimnames = list(x = 'r', y = c('a', 'b')))",
        ),
    ),
    Row(
        "Data frames",
        "Of pandas, polars, pyarrow; in R tibble or data.table if it was one. Without columns, without rows, and with doubled labels (which polars itself refuses), too. A frame of an R class of its own loses the class in Python.",
        (
            "pd.DataFrame({'x': [1.5, 2.5], 'y': ['a', None]})",
            "pl.DataFrame({'x': [1.5, None], 'y': ['a', 'b']})",
            "pa.table({'x': [1.5, None]})",
            "pd.DataFrame(index=range(3))",
            "pd.DataFrame({'x': pd.Series([], dtype='float64')})",
            "pl.DataFrame()",
            "pa.table({})",
            "pd.DataFrame([[1.5, 2.5]], columns=['a', 'a'])",
            "pd.DataFrame([[1.5]], columns=pd.MultiIndex.from_tuples([('a', 'b')]))",
            "pd.DataFrame({1: ['a']})",
            "pl.DataFrame({'x': [1], 'e': ['a']}, schema={'x': pl.UInt8, 'e': pl.Enum(['a', 'b'])})",
            "pa.table({'d': pa.array([Decimal('1.10')]), 'k': pa.array(['a']).dictionary_encode()})",
            "{'df': pd.DataFrame({'x': [1.5]}), 'metric': 0.5, 'model': Fraction(1, 2)}",
        ),
        (
            "data.frame(x = c(1.5, NA), y = c('a', NA))",
            "tibble::tibble(x = 1:2)",
            "data.table::data.table(x = c('a', 'b'))",
            "data.frame(x = 1:3)[, FALSE]",
            "data.frame(x = 1:3)[0, , drop = FALSE]",
            "data.frame()",
            "data.frame(a = 1, a = 2, check.names = FALSE)",
            "structure(data.frame(x = 1), class = c('special', 'data.frame'))",
            "data.frame(x = structure(1, unit = 'kg'))",
            "list(df = data.frame(x = 1.5), metric = 0.5, model = y ~ x)",
        ),
    ),
    Row(
        "Row names, index of pandas",
        "An index of text is row names. One of several levels is columns in R.",
        (
            "pd.DataFrame({'x': [1.5, 2.5]}, index=['r1', 'r2'])",
            "pd.DataFrame({'x': [1.5]}, index=pd.MultiIndex.from_tuples([('a', 1)], names=['k', 'l']))",
            "pd.DataFrame({'x': [1.5, 2.5]}, index=['r', 'r'])",
            "pd.Series([1.5, 2.5], index=['r', 's'])",
        ),
        ("data.frame(x = 1:2, row.names = c('r1', 'r2'))", "data.frame(x = 1:3)[c(1, 3), , drop = FALSE]"),
    ),
    Row(
        "Missing cells",
        "In columns of NumPy, pandas takes NaN for missing. Elsewhere NaN and missing stay apart.",
        (
            "pd.DataFrame({'x': [1.5, np.nan]})",
            "pd.DataFrame({'x': pd.array([1, None], 'Int32')})",
            "pd.DataFrame({'x': pd.array(['a', None], 'string[pyarrow]'), 'y': pd.array([1, None], 'int64[pyarrow]')})",
            "pl.DataFrame({'x': [None, float('nan')]})",
        ),
        ("data.frame(x = c(NaN, 1))", "data.frame(x = c(NA, 1L), y = c(NA, TRUE))"),
    ),
    Row(
        "Columns of lists or objects",
        "Each cell a vector of one type. Columns of mixed content are refused. A frame in a frame is a column of structs in Python; records with missing rows are objects of Python.",
        (
            "pd.DataFrame({'x': [[1.5], [2.5, 3.5]]})",
            "pd.DataFrame({'x': [1, 'a']})",
            "pd.DataFrame({'x': [{'a': 1, 'b': 'u'}, {'a': 2, 'b': None}]})",
            "pl.DataFrame({'x': [{'a': 1, 'b': {'c': [0.5]}}]})",
            "pa.table({'x': pa.array([{'a': 1}, {'a': None}])})",
            "pa.table({'x': pa.array([{'a': 1}, None])})",
        ),
        (
            "structure(list(x = list(1, c(2, 3))), class = 'data.frame', row.names = 1:2)",
            "structure(list(x = data.frame(a = 1:2)), class = 'data.frame', row.names = 1:2)",
            "tibble::tibble(a = 1, x = tibble::tibble(f = factor('u', c('u', 'v')), d = as.Date('2024-02-29'), y = NA))",
            "structure(list(x = data.frame(a = 1:2, row.names = c('r', 's'))), class = 'data.frame', row.names = 1:2)",
            "structure(list(x = data.frame(z = 1i)), class = 'data.frame', row.names = 1L)",
        ),
    ),
    Row(
        "Columns of matrices",
        "Lists of fixed size in Python. Names of the matrix's columns are in `attrs` of the frame there, names of its rows are lost.",
        ("pa.table({'x': pa.array([[1.5, 2.5]], pa.list_(pa.float64(), 2))})",),
        (
            "structure(list(m = matrix(c(1, 2, 3, 4), 2)), class = 'data.frame', row.names = 1:2)",
            "structure(list(m = matrix(1:4, 2, dimnames = list(NULL, c('a', 'b')))), class = 'data.frame', row.names = 1:2)",
            "structure(list(m = matrix(1:2, 1, dimnames = list('r', c('a', 'b')))), class = 'data.frame', row.names = 1L)",
        ),
    ),
    Row(
        "Sparse matrices",
        "Of scipy and of Matrix, by column, row or triplet. Symmetric and triangular ones of Matrix are objects of R.",
        ("sp.csc_array([[0, 1.5]])", "sp.csr_matrix([[0, 1]])", "sp.coo_array([[0, 1.5]])"),
        (
            "methods::as(matrix(c(0, 1.5), 1), 'dgCMatrix')",
            "Matrix::sparseMatrix(i = 1, j = 1, x = TRUE)",
            "Matrix::sparseMatrix(i = 1, j = 1, x = 1, repr = 'R')",
            "Matrix::sparseMatrix(i = 1, j = 1, x = 1, symmetric = TRUE)",
        ),
    ),
    Row(
        "Objects of Python",
        "Pickled: a handle in R, which can be stored again. What lives in one process only is refused.",
        (
            "Fraction(1, 2)",
            "Reading(1.5)",
            "[re.compile('a'), len]",
            "{'fit': Fraction(1, 2), 'n': 1}",
            "(x for x in [])",
            "open(os.devnull)",
            "threading.Lock()",
            "{'fits': [1, (x for x in [])]}",
        ),
        (),
    ),
    Row(
        "Objects of R",
        "Serialized: a handle in Python, which can be stored again. What lives in one process only is refused. Attributes of vectors that no row names stay in R.",
        (),
        (
            "function(x) x + 1",
            "y ~ x",
            "stats::lm(dist ~ speed, datasets::cars)",
            "stats::glm(am ~ wt, stats::binomial(), datasets::mtcars)",
            "mgcv::gam(dist ~ s(speed, k = 3), data = datasets::cars)",
            "survival::coxph(survival::Surv(speed) ~ dist, datasets::cars)",
            "ranger::ranger(dist ~ speed, datasets::cars, num.trees = 2, seed = 1, num.threads = 1)",
            "methods::setClass('Size', methods::representation(n = 'numeric'), where = globalenv())(n = 1)",
            "R6::R6Class('Counter', list(n = 1))$new()",
            "list(f = function(x) x, n = 1)",
            "structure(1:2, class = 'special')",
            "list(con = textConnection('a'))",
            "getNativeSymbolInfo('R_addTaskCallback')$address",
        ),
    ),
)
