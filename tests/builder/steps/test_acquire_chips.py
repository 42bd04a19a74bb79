from __future__ import annotations

import collections
import dataclasses
import os
import signal
import subprocess
import sys
import time

import imagery_files
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import range_server
from checkout import ROOT

from builder import errors
from builder.chips import chip, imagery_toml, rounds, store
from builder.frame import design as designs
from builder.frame import frame as frames
from builder.frame import points_table
from builder.steps import acquire_chips

LON, LAT = imagery_files.CENTRE
DESIGN = designs.SamplingDesign(products=("a",), base="a", per_class=16, test_per_stratum=4, validation_share=0.25)


def frame_of(folder, *, source='type = "stac"\npath = "../imagery"', rules="", design=DESIGN, ranked=40):
    """A frame of points spread over 40 blocks of one point each, within 240 m of CENTRE."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    parts = []
    for split, label in (("train", "forest"), ("train", "water"), ("test", "forest")):
        count = range(ranked)
        offset = rng.uniform(-1e-3, 1e-3, (2, ranked))
        columns = {
            "key": points_table.point_keys(LON + offset[0], LAT + offset[1]),
            "lon": LON + offset[0],
            "lat": LAT + offset[1],
            "state": ["consistent"] * ranked,
            "label": [label] * ranked,
            "base_class": [label] * ranked,
            "split": [split] * ranked,
            "stratum": [f"{label}/consistent"] * ranked,
            "block": [f"b{i // 2:02d}" for i in count],
            "rank": pa.array(count, pa.int32()),
            "product_labels": pa.nulls(ranked, points_table.PRODUCT_LABELS),
            "geometry": points_table.wkb_points(LON + offset[0], LAT + offset[1]),
        }
        rest = {f.name: pa.nulls(ranked, f.type) for f in points_table.SCHEMA if f.name not in columns}
        parts.append(
            pa.table({f.name: {**columns, **rest}[f.name] for f in points_table.SCHEMA}).cast(points_table.SCHEMA)
        )
    metadata = {"design": design.to_json(), "products": [], "strata": {}, "shortfalls": []}
    points_table.write(folder / "points.parquet", pa.concat_tables(parts), metadata)
    frames.seal(folder)
    (folder / "imagery.toml").write_text(f'[rules]\n{rules}\n[chip]\nsize_px = 64\n[[source]]\nname = "s"\n{source}\n')
    return frames.Frame(folder)


def world(folder, size=1200):
    """A catalogue of a scene of summer and one of winter over CENTRE."""
    summer = imagery_files.write(
        folder / "scenes" / "summer.tif", imagery_files.texture(size, size), driver="COG", blocksize=128
    )
    winter = imagery_files.write(
        folder / "scenes" / "winter.tif", imagery_files.texture(size, size, seed=1), driver="COG", blocksize=128
    )
    items = [
        imagery_files.item(summer, datetime="2012-07-01T00:00:00Z"),
        imagery_files.item(winter, datetime="2010-01-01T00:00:00Z"),
    ]
    imagery_files.catalogue(folder, items)


def store_of(frame):
    return store.ChipStore(frame.chips_folder, imagery_toml.read(frame.imagery_file).digest)


def essence(selection):
    kept = selection.kept.drop_columns(["detail"]).sort_by("key")
    return kept, selection.refused, selection.counts


def test_the_pipeline_equals_a_loop(tmp_path):
    world(tmp_path / "imagery")
    frame = frame_of(tmp_path / "frame")
    selection = acquire_chips.acquire(frame)
    imagery = imagery_toml.read(frame.imagery_file)
    looped = store.ChipStore(tmp_path / "loop")
    looped.prepare()
    answers = rounds.ANSWERS.empty_table()
    while batches := rounds.next_round(frame.points(), answers, frame.design):
        for batch in batches:
            looped.write(batch.name, chip.acquire(batch.requests, imagery), imagery.chip)
            rows = looped.read_index(batch.name)
            named = rows.append_column("batch", pa.array([batch.name] * len(rows))).cast(rounds.ANSWERS)
            answers = pa.concat_tables([answers, named])
    expected = rounds.selection(frame.points(), answers, frame.design)
    assert all(ours == theirs for ours, theirs in zip(essence(selection), essence(expected), strict=True))
    assert len(selection.kept) == 12 + 12 + 4
    seasons = {(row["asked_for"], row["scene_ids"][0]) for row in selection.kept.to_pylist()}
    assert seasons == {("forest", "winter"), ("water", "summer")}


def test_two_workers_make_the_same_chips_and_a_second_call_asks_nothing(tmp_path):
    world(tmp_path / "imagery")
    one, two = frame_of(tmp_path / "one"), frame_of(tmp_path / "two")
    first = acquire_chips.acquire(one)
    second = acquire_chips.acquire(two, beam_options=["--direct_num_workers=2"])
    assert all(a == b for a, b in zip(essence(first), essence(second), strict=True))
    names = store_of(one).begun()
    assert sorted(names) == sorted(store_of(two).begun()) == store_of(one).batches()
    again = acquire_chips.acquire(one)
    assert all(a == b for a, b in zip(essence(first), essence(again), strict=True))
    assert store_of(one).begun() == names


def test_a_larger_quota_asks_only_for_points_that_have_no_answer(tmp_path):
    world(tmp_path / "imagery")
    few = dataclasses.replace(DESIGN, per_class=6, test_per_stratum=3)
    first = acquire_chips.acquire(frame_of(tmp_path / "frame", design=few)).kept
    world(tmp_path / "imagery", size=1208)  # other pictures of the same ground: whoever asks again will see them
    more = dataclasses.replace(DESIGN, per_class=20, test_per_stratum=9)
    frame = frame_of(tmp_path / "frame", design=more)
    second = acquire_chips.acquire(frame).kept
    before = dict(zip(first["key"].to_pylist(), first["pixels_sha256"].to_pylist(), strict=True))
    after = dict(zip(second["key"].to_pylist(), second["pixels_sha256"].to_pylist(), strict=True))
    assert len(after) > 2 * len(before)
    assert before.items() <= after.items()
    assert {key for key, _ in store_of(frame).images(after)} == after.keys()


def test_over_http_a_finished_batch_is_never_asked_again(tmp_path):
    world(tmp_path / "imagery")
    with range_server.serve(tmp_path / "imagery") as (url, log):
        frame = frame_of(tmp_path / "frame", source=f'type = "stac"\nhref = "{url}/catalog.json"')
        first = acquire_chips.acquire(frame)
        asked = len(log)
        assert asked > 0 and len(first.kept) == 28
        second = acquire_chips.acquire(frame)
        assert len(log) == asked
        assert second.kept.equals(first.kept)


def test_killed_and_run_again_only_what_was_in_flight_is_repeated(tmp_path):
    world(tmp_path / "imagery")
    whole = acquire_chips.acquire(frame_of(tmp_path / "whole"))
    frame = frame_of(tmp_path / "killed")
    command = (
        "import sys, time; from builder.chips import chip; from builder.steps import acquire_chips; "
        "from builder.frame import frame; real = chip.acquire; "
        "chip.acquire = lambda *a: (time.sleep(0.15), real(*a))[1]; "  # a slow network
        f"acquire_chips.acquire(frame.Frame(__import__('pathlib').Path({str(frame.path)!r})))"
    )
    kills = 0
    for finished in (2, 5):
        process = subprocess.Popen([sys.executable, "-c", command], cwd=ROOT, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(store_of(frame).batches()) < finished and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    kept = set(store_of(frame).batches())
    assert kept
    selection = acquire_chips.acquire(frame)
    assert all(a == b for a, b in zip(essence(selection), essence(whole), strict=True))
    begun = collections.Counter(store_of(frame).begun())
    repeated = sum(count - 1 for count in begun.values())
    assert repeated <= kills  # one worker: one batch in flight at each kill
    assert not list(store_of(frame).folder.glob(".incomplete*"))


def test_a_corrupt_scene_refuses_its_chips_and_the_run_goes_on(tmp_path):
    world(tmp_path / "imagery")
    winter = tmp_path / "imagery" / "scenes" / "winter.tif"
    content = bytearray(winter.read_bytes())
    content[20_000:] = os.urandom(len(content) - 20_000)
    winter.write_bytes(content)
    frame = frame_of(tmp_path / "frame", rules='dates = ["2010-01-01", "2010-12-31"]')
    selection = acquire_chips.acquire(frame)
    reasons = collections.Counter(selection.refused["reason"].to_pylist())
    assert reasons["unreadable"] > 0 and reasons["season"] > 0
    assert "winter.tif" in next(d for d in selection.refused["detail"].to_pylist() if "tif" in d)


def test_an_error_of_the_settings_comes_as_itself(tmp_path):
    world(tmp_path / "imagery")
    frame = frame_of(tmp_path / "frame", source='type = "stac"\npath = "../imagery"\nbands = [1, 2, 4]')
    with pytest.raises(errors.InputError, match=r"expected bands \(1, 2, 4\)"):
        acquire_chips.acquire(frame)
    with pytest.raises(errors.InputError, match="expected a STAC catalogue"):
        acquire_chips.acquire(frame_of(tmp_path / "other", source='type = "stac"\npath = "nowhere"'))
    assert not (tmp_path / "other" / "chips").exists()


def test_a_chip_of_another_size_than_the_design_is_refused(tmp_path):
    frame = frame_of(tmp_path / "frame", rules="[chip]\nsize_m = 60")
    text = frame.imagery_file.read_text().replace("[chip]\nsize_px", "size_px")
    frame.imagery_file.write_text(text)
    with pytest.raises(errors.InputError, match=r"expected \[chip\] size_m = 90"):
        acquire_chips.acquire(frame)


def test_changed_rules_fill_another_store(tmp_path):
    world(tmp_path / "imagery")
    frame = frame_of(tmp_path / "frame")
    acquire_chips.acquire(frame)
    frame.imagery_file.write_text(frame.imagery_file.read_text().replace("[rules]", '[rules]\nprefer = "2012-07-01"'))
    selection = acquire_chips.acquire(frame)
    assert {row["scene_ids"][0] for row in selection.kept.to_pylist()} == {"summer"}
    assert len(list(frame.chips_folder.iterdir())) == 2


def test_an_interrupt_inside_a_worker_stays_an_interrupt(tmp_path, monkeypatch):
    world(tmp_path / "imagery")
    frame = frame_of(tmp_path / "frame")
    finished = []

    def interrupted(*arguments):
        if len(finished) == 3:
            raise KeyboardInterrupt
        finished.append(1)
        return real(*arguments)

    real = chip.acquire
    monkeypatch.setattr(chip, "acquire", interrupted)
    with pytest.raises(KeyboardInterrupt):
        acquire_chips.acquire(frame)
    assert len(store_of(frame).batches()) == 3


@pytest.mark.parametrize("keep", [0, 1])
def test_a_stored_batch_that_answers_nothing_ends_the_run_with_its_name(tmp_path, keep):
    world(tmp_path / "imagery")
    frame = frame_of(tmp_path / "frame")
    acquire_chips.acquire(frame)
    path = store_of(frame).path(store_of(frame).batches()[0])
    pq.write_table(pq.read_table(path).slice(0, keep), path)
    with pytest.raises(errors.InputError, match=rf"{path.name}: expected one answer to each .* Remove the file"):
        acquire_chips.acquire(frame)


def test_a_stored_batch_with_answers_to_other_points_ends_the_run_with_its_name(tmp_path):
    world(tmp_path / "imagery")
    frame = frame_of(tmp_path / "frame")
    acquire_chips.acquire(frame)
    path = store_of(frame).path(store_of(frame).batches()[0])
    rows = pq.read_table(path)
    pq.write_table(rows.set_column(0, rows.schema.field(0), pa.array(["x"] * len(rows))), path)
    with pytest.raises(errors.InputError, match=rf"{path.name}.*Remove the file"):
        acquire_chips.acquire(frame)
    path.unlink()
    assert len(acquire_chips.acquire(frame).kept) == 28
