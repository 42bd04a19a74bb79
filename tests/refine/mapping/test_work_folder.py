"""The hidden folder of a map: blocks, and files that wait for their names."""

from __future__ import annotations

import pathlib

import pytest

from refine.artefacts import refined_map
from refine.mapping import work_folder


@pytest.mark.parametrize("moved", range(10))
def test_whenever_the_moves_are_interrupted_the_rest_is_moved_later(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    refined = refined_map.RefinedMap(tmp_path / "r.tif")
    folder = work_folder.of(refined.path, "0" * 16)
    place = work_folder.unfinished(folder)
    for path in refined.outputs:
        (place / path.name).write_text("new")
        path.write_text("old")
    assert not work_folder.is_staged(folder)
    work_folder.stage(folder)
    rename, done = pathlib.Path.replace, []

    def replace(self: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
        if len(done) == moved:
            raise KeyboardInterrupt
        done.append(target)
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "replace", replace)
        try:
            work_folder.publish(folder, refined.path)
        except KeyboardInterrupt:
            assert moved < 9
    assert work_folder.published(refined) == set(done)
    assert not refined.path.exists() or moved == 9  # where the map is, all of it is
    work_folder.publish(folder, refined.path)
    assert {path.read_text() for path in refined.outputs} == {"new"}
    work_folder.remove_all(refined.path)
    assert sorted(tmp_path.iterdir()) == sorted(refined.outputs)


def test_only_the_folders_of_the_map_itself_are_removed(tmp_path: pathlib.Path) -> None:
    for name in (".incomplete.refined.0123456789abcdef", ".incomplete.refined.2010.0123456789abcdef"):
        (tmp_path / name).mkdir()
    work_folder.remove_all(tmp_path / "refined.tif")
    assert [p.name for p in tmp_path.iterdir()] == [".incomplete.refined.2010.0123456789abcdef"]
