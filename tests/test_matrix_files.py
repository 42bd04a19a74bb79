"""Tables read from CSV, and what is said of wrong ones."""

from __future__ import annotations

import printed_table
import pytest

from builder import errors
from refine.accuracy import matrix_files


def _write(tmp_path, text, name="M.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_printed_table_is_read_with_its_margins(tmp_path):
    confusion, printed = matrix_files.read_matrix(_write(tmp_path, printed_table.as_csv()))
    assert confusion == printed_table.confusion()
    assert printed.margins == printed_table.printed().margins


def test_accuracies_printed_beside_the_counts_are_read(tmp_path):
    text = "map,a,b,total,users\na,8,2,10,80%\nb,1,9,10,0.900\ntotal,9,11,20,\nproducers,.89,.82,,\n"
    confusion, printed = matrix_files.read_matrix(_write(tmp_path, text))
    assert confusion.counts.tolist() == [[8, 2], [1, 9]]
    assert [figure.value for figure in printed.users] == [0.8, 0.9]
    assert [figure.value for figure in printed.producers] == [0.89, 0.82]
    assert printed.total == 20


def test_columns_in_another_order_are_put_in_order_by_name(tmp_path):
    confusion, _ = matrix_files.read_matrix(_write(tmp_path, "map,a,b\nb,1,9\na,8,2\n"))
    assert (confusion.names, confusion.counts.tolist()) == (("a", "b"), [[8, 2], [1, 9]])


def test_a_spreadsheets_byte_order_mark_and_spaces_do_no_harm(tmp_path):
    confusion, _ = matrix_files.read_matrix(_write(tmp_path, "\ufeffmap, a, b\na, 8, 2\nb, 1, 9.0\n\n"))
    assert confusion.counts.tolist() == [[8, 2], [1, 9]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("map,a,b\na,1,2\n", "square matrix; received 1 rows and 2 columns"),
        ("map,a,b\na,1,2\nc,3,4\n", r"only in rows \['c'\], only in columns \['b'\]"),
        ("map,a,b\na,1,-2\nb,3,4\n", "row 'a', column 'b': expected a whole number of at least 0; received '-2'"),
        ("map,a,b\na,1,2.5\nb,3,4\n", "received '2.5'"),
        ("map,a,b\na,1,x\nb,3,4\n", "received 'x'"),
        ("map,a,b\na,1,\nb,3,4\n", "received ''"),
        ("map,a,b\na,1,2,3\nb,3,4\n", "expected 2 values in row 'a', as in the header; received 3"),
        ("map,a,a\na,1,2\nb,3,4\n", "column a comes twice"),
        ("map,a,b\na,1,2\na,3,4\n", "row a comes twice"),
        ("", "at least one more; received 0 rows"),
    ],
)
def test_a_wrong_matrix_is_refused_with_file_row_and_column(tmp_path, text, message):
    with pytest.raises(errors.InputError, match=message) as refused:
        matrix_files.read_matrix(_write(tmp_path, text))
    assert "M.csv" in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(errors.InputError, match=r"none\.csv: cannot be read"):
        matrix_files.read_matrix(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class,area\na,1\n", "no area for b"),
        ("class,area\na,1\nb,2\nc,3\n", "c: not a class of the matrix"),
        ("class,area\na,1\nb,-2\n", "line 3, column 'area': expected a number of at least 0; received '-2'"),
        ("class,area\na,1\nb,nan\n", "received 'nan'"),
        ("class,area\na,1\na,2\nb,2\n", "'a' comes twice"),
        ("name,area\na,1\nb,2\n", "expected the columns class, area; received name, area"),
    ],
)
def test_wrong_areas_are_refused(tmp_path, text, message):
    with pytest.raises(errors.InputError, match=message):
        matrix_files.read_areas(_write(tmp_path, text, "A.csv"), ("a", "b"))


def test_a_sample_is_read_with_its_optional_columns(tmp_path):
    text = "stratum,map,reference,inclusion_probability,block\ns,crop,crop,0.5,x\nt,crop,tree,0.25,y\n"
    sample = matrix_files.read_sample(_write(tmp_path, text, "S.csv"))
    assert sample.names == ("crop", "tree")
    assert sample.confusion.counts.tolist() == [[1, 1], [0, 0]]
    assert (sample.strata, sample.blocks) == (("s", "t"), ("x", "y"))
    assert sample.probability.tolist() == [0.5, 0.25]


def test_a_sample_needs_no_more_than_map_and_reference(tmp_path):
    sample = matrix_files.read_sample(_write(tmp_path, "map,reference\na,b\n", "S.csv"))
    assert (sample.strata, sample.probability, sample.blocks) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("map,truth\na,b\n", "expected the columns map, reference"),
        ("map,reference,inclusion_probability\na,b,often\n", "line 2, column 'inclusion_probability'"),
        ("map,reference\na,b\na\n", "line 3: expected 2 values; received 1"),
    ],
)
def test_a_wrong_sample_is_refused(tmp_path, text, message):
    with pytest.raises(errors.InputError, match=message):
        matrix_files.read_sample(_write(tmp_path, text, "S.csv"))
