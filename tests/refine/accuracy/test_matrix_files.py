"""Tables are read from CSV, and wrong ones are refused with their place and a cure."""

from __future__ import annotations

import os

import printed_table
import pytest

from builder import errors
from refine.accuracy import matrix_files, reference_sample


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
        ("map,a,b\na,1,8_0\nb,3,4\n", "received '8_0'"),
        ("map,a,b\na,1,1e300\nb,3,4\n", "received '1e300'. Give sample counts in digits alone"),
        ("map,a,b\na,1,9300000000000000000\nb,3,4\n", "at most 1,000,000,000,000; received 9300000000000000000"),
        ("map,a,b\na,1,nan\nb,3,4\n", "received 'nan'"),
        ("map,a,b\na,1,2,3\nb,3,4\n", "line 2: expected 3 values, as in the header; received 4"),
        ("map,a,b\n\n\na,1,2\n\nb,3\n", "line 6: expected 3 values, as in the header; received 2"),
        ("map,a,a\na,1,2\nb,3,4\n", "column a comes twice"),
        ("map,a,b\na,1,2\na,3,4\n", "row a comes twice"),
        ("map,a,b,total,sum\na,1,2,3,3\nb,3,4,7,7\n", "column total comes twice"),
        ("map,a,\na,1,2\nb,3,4\n", "column 3 has no name. Name it, or remove it"),
        ("map,a,b\na,1,2\n,3,4\n", "row 3 has no name"),
        ("map,Forest,b\nforest,1,2\nb,3,4\n", "one spelling for each name; received 'Forest' and 'forest'"),
        ("map,Forest,forest\nForest,1,2\nforest,3,4\n", "one spelling"),
        ("map;a;b\na;1;2\nb;3;4\n", "received semicolons. Separate them by commas"),
        ("map\ta\tb\na\t1\t2\nb\t3\t4\n", "received tabs. Separate them by commas"),
        ("50,3\n3,40\n", "expected a header row with the names of 2 classes or more; received 3"),
        ("", "is empty. Write a header row, then a row for each class"),
        ("\n\n", "is empty"),
        ("map,a,b\n", "holds a header only. Add a row for each class"),
    ],
)
def test_a_wrong_matrix_is_refused_with_its_place_and_a_cure(tmp_path, text, message):
    with pytest.raises(errors.InputError, match=message) as refused:
        matrix_files.read_matrix(_write(tmp_path, text))
    assert "M.csv" in str(refused.value)


def test_counts_of_a_billion_pixels_and_decimals_of_zero_are_counts(tmp_path):
    confusion, _ = matrix_files.read_matrix(_write(tmp_path, "map,a,b\na,1000000000000,2.00\nb,3.,4\n"))
    assert confusion.counts.tolist() == [[10**12, 2], [3, 4]]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(errors.InputError, match=r"none\.csv: expected a table; found no such file\. Name a table"):
        matrix_files.read_matrix(tmp_path / "none.csv")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_in_another_encoding_is_to_be_saved_in_utf_8(tmp_path, encoding):
    path = tmp_path / "M.csv"
    path.write_bytes("map,forêt,b\nforêt,1,2\nb,3,4\n".encode(encoding))
    with pytest.raises(
        errors.InputError, match=r"M\.csv: expected a table in UTF-8; .*Name a table that is saved as CSV in UTF-8"
    ):
        matrix_files.read_matrix(path)


def test_a_file_with_nul_bytes_is_no_text(tmp_path):
    with pytest.raises(errors.InputError, match="holds NUL bytes"):
        matrix_files.read_matrix(_write(tmp_path, "map,a,b\na,8\0,2\nb,1,9\n"))


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(
        errors.InputError, match=r"expected a table; found a folder\. Name a table that is saved as CSV"
    ):
        matrix_files.read_matrix(tmp_path)


@pytest.mark.parametrize("read", [matrix_files.read_matrix, matrix_files.read_areas, matrix_files.read_sample])
def test_a_fifo_is_refused_and_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "M.csv")
    with pytest.raises(errors.InputError, match=r"M\.csv: expected a table; found something that is no regular file"):
        read(tmp_path / "M.csv")


def test_a_field_that_is_too_long_is_refused_with_its_line(tmp_path):
    with pytest.raises(errors.InputError, match=r"M\.csv, line 2: no CSV: field larger than field limit .*Correct"):
        matrix_files.read_matrix(_write(tmp_path, f"map,a,b\na,{'1' * 140_000},2\nb,3,4\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class,area\na,1\n", "no area for b"),
        ("class,area\na,1\nb,2\nc,3\n", "no sample was drawn in c, which has area: draw there"),
        ("class,area\na,1\nB,2\n", "one spelling for each name; received 'b' and 'B'"),
        ("class,area\na,1\n\nb,-2\n", "line 4, column 'area': expected a number of at least 0 .* received '-2'"),
        ("class,area\na,1\nb,nan\n", "received 'nan'"),
        ("class,area\na,1\nb,1_0\n", "received '1_0'"),
        ("class,area\na,1\nb,1e300\n", "at most 1e\\+30; received '1e300'"),
        ("class,area\na,1\na,2\nb,2\n", "line 3: class 'a' comes twice"),
        ("class,area\na,1\n,2\n", "line 3: column 'class' is empty"),
        ("class,area,area\na,1,2\nb,2,2\n", "the column area comes twice"),
        ("name,area\na,1\nb,2\n", "expected the columns class, area; received name, area"),
        ("class;area\na;1\nb;2\n", "received semicolons"),
    ],
)
def test_wrong_areas_are_refused(tmp_path, text, message):
    with pytest.raises(errors.InputError, match=message) as refused:
        matrix_files.read_areas(_write(tmp_path, text, "A.csv")).of(("a", "b"))
    assert "A.csv" in str(refused.value)


def test_guesses_of_one_column_are_in_one_unit(tmp_path):
    """1.7 can only be percent, so 0.9 beside it is 0.9 percent too; what says % is percent anyway."""
    areas = matrix_files.read_areas(_write(tmp_path, "class,area,users\na,1,0.9\nb,2,1.7\nc,3,80%\n", "A.csv"))
    assert areas.users == pytest.approx({"a": 0.009, "b": 0.017, "c": 0.8})


def test_a_class_without_area_needs_no_samples(tmp_path):
    areas = matrix_files.read_areas(_write(tmp_path, "class,area,users\na,1,90%\nb,2,0.8\nc,0,0.5\n", "A.csv"))
    assert areas.of(("a", "b")) == {"a": 1.0, "b": 2.0}
    assert areas.users == {"a": 0.9, "b": 0.8, "c": 0.5}


def test_a_sample_is_read_with_its_optional_columns(tmp_path):
    text = "stratum,map,reference,inclusion_probability,block,map2\ns,crop,crop,0.5,x,crop\nt,crop,tree,0.25,y,swamp\n"
    sample = matrix_files.read_sample(_write(tmp_path, text, "S.csv"))
    assert sample.names == ("crop", "tree")
    assert sample.confusion.counts.tolist() == [[1, 1], [0, 0]]
    assert (sample.strata, sample.blocks) == (("s", "t"), ("x", "y"))
    assert sample.probability.tolist() == [0.5, 0.25]
    assert sample.second.tolist() == [0, reference_sample.OTHER_CLASS]
    assert not sample.has_map_strata


def test_a_sample_needs_no_more_than_map_and_reference(tmp_path):
    sample = matrix_files.read_sample(_write(tmp_path, "map,reference\na,b\n", "S.csv"))
    assert (sample.strata, sample.probability, sample.blocks, sample.second) == (None, None, None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("map,truth\na,b\n", "expected the columns map, reference"),
        ("map,reference,inclusion_probability\na,b,often\n", "line 2, column 'inclusion_probability'"),
        ("map,reference\n\na,b\na\n", "line 4: expected 2 values, as in the header; received 1"),
        ("map,reference\na,\nb,b\n", "line 2: column 'reference' is empty"),
        ("map,reference,map\na,a,b\n", "the column map comes twice"),
        ("map,reference\nForest,forest\n", "one spelling for each name; received 'Forest' and 'forest'"),
        ("stratum,map,reference\nN,a,a\nn,a,a\n", "received 'N' and 'n'"),
        ("map,reference\n", "holds a header only. Add a row for each sample"),
    ],
)
def test_a_wrong_sample_is_refused(tmp_path, text, message):
    with pytest.raises(errors.InputError, match=message) as refused:
        matrix_files.read_sample(_write(tmp_path, text, "S.csv"))
    assert "S.csv" in str(refused.value)
