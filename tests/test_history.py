"""The history: rows, columns, and the newest of each split."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gantape as gt

names = st.sampled_from(["loss", "accuracy", "generator/loss", "fake"])
rows = st.lists(
    st.builds(
        lambda step, split, values: {"step": step, "epoch": 0, "seconds": 0.5, "split": split, **values},
        st.integers(0, 99),
        st.sampled_from(["train", "validation"]),
        st.dictionaries(names, st.floats(-1e6, 1e6)),
    ),
    max_size=8,
)


@given(rows=rows)
def test_values_are_those_of_the_rows_that_have_them(rows: list[gt.History]) -> None:
    history = gt.History(rows)
    for split in ("train", "validation"):
        for column in {name for row in rows for name in row} - {"split"}:
            expected = [row[column] for row in rows if row["split"] == split and column in row]
            if expected:
                assert history.values(column, split) == expected
            else:
                with pytest.raises(gt.errors.MetricError):
                    history.values(column, split)
        newest = [row for row in rows if row["split"] == split][-1:]
        assert history.last(split) == (newest[0] if newest else {})


@given(rows=rows)
def test_columns_come_in_the_order_of_their_first_occurrence(rows: list[gt.History]) -> None:
    history = gt.History(rows)
    assert set(history.columns) == {name for row in rows for name in row}
    first_rows = [next(place for place, row in enumerate(rows) if name in row) for name in history.columns]
    assert first_rows == sorted(first_rows)


@given(rows=rows)
def test_a_history_is_its_rows(rows: list[gt.History]) -> None:
    history = gt.History(rows)
    assert list(history) == rows
    assert len(history) == len(rows)


def test_the_rows_make_a_table() -> None:
    history = gt.History([{"step": 1, "split": "train", "loss": 0.5}, {"step": 2, "split": "train", "loss": 0.25, "fake": 1.0}])
    table = io.StringIO()
    writer = csv.DictWriter(table, history.columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(dict, history))
    assert table.getvalue() == "step,split,loss,fake\n1,train,0.5,\n2,train,0.25,1.0\n"


def test_histories_do_not_share_their_rows() -> None:
    gt.History().rows.append({"step": 1})
    assert gt.History().rows == []


def test_a_column_that_was_not_recorded_is_refused() -> None:
    history = gt.History([{"step": 1, "split": "train", "loss": 0.5}])
    with pytest.raises(gt.errors.MetricError) as caught:
        history.values("loss", "validation")
    assert caught.value.what == 'nothing was recorded as "loss".'
    assert caught.value.where == 'gantape.History.values, split "validation"'
    assert caught.value.got == "columns ['step', 'split', 'loss']"
