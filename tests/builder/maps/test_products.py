"""Finding the products: under their real names and forms, from a description, and what is refused."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import shutil

import map_files
import numpy as np
import pyproj
import pytest

from builder import errors
from builder.geometry.window import Window
from builder.legend import crosswalk, legend
from builder.maps import known_products, product_file_names, products, rasters

GLOBELAND30 = "globeland30/N49_30_2010LC030/n49_30_2010lc030.tif"
MODIS = "mcd12q1/MCD12Q1.A2010001.h27v05.061.2022168221543.hdf"
GLCNMO = "glcnmo/gm_lc_v2_1_2.tif"
CCI = "cci_lc/ESACCI-LC-L4-LCCS-Map-300m-P1Y-2010-v2.0.7.tif"
GLOBCOVER = "globcover/GLOBCOVER_L4_200901_200912_V2.3.tif"
AACHEN = """
# Real maps over 5.5-7.0 E, 50.0-51.5 N. CORINE takes the part of GlobeLand30.
[[product]]
name = "corine"
base = true
files = ["clc-aachen_clipped.tif"]
crosswalk = "corine_grid"
year = 2012
crs = "EPSG:3035"

[[product]]
name = "mcd12c1"
title = "MODIS land cover MCD12C1, IGBP, collection 5"
files = ["MCD12C1_T1_2011-01-01_rgb_3600x1800.TIFF"]
crosswalk = "mcd12q1_c5"
year = 2011
nodata = "none" # the tag says 0, which is water in collection 5
crs = "EPSG:4326"
licence = "open (NASA EOSDIS)"
allow = "0.1 degree: the only real MODIS map at hand"

[[product]]
name = "glcnmo"
files = ["tmap_land_GLCNMO2008_cover_0.333deg.tif"]
year = 2008
allow = "1/3 degree: the only real GLCNMO map at hand"

[[product]]
name = "cci_lc"
files = ["ESA_CCI_2018_clip.tif"]
year = 2018
version = "v2.1.1"
allow = "2018: the only real CCI-LC map at hand"

[[product]]
name = "globcover"
files = ["rhine_GlobCover_30s.tif"]
year = 2009
allow = "30 arc seconds: the only real GlobCover map at hand"
"""


def _modis(path: pathlib.Path, **options) -> pathlib.Path:
    x, y = pyproj.Proj(map_files.SINUSOIDAL)(108.0, 35.0)
    return map_files.modis(path, np.full((20, 20), 12, np.uint8), left=x, top=y, **options)


@pytest.fixture
def five(tmp_path: pathlib.Path) -> pathlib.Path:
    """All five products under their real names, a few pixels each."""
    field = np.full((12, 12), 10, np.uint8)
    map_files.geotiff(tmp_path / GLOBELAND30, field, crs="EPSG:32649", origin=(3e5, 3.8e6), pixel=30.0, nodata=0)
    _modis(tmp_path / MODIS)
    map_files.geotiff(tmp_path / GLCNMO, np.full((12, 12), 11, np.uint8), pixel=1 / 240)
    map_files.geotiff(tmp_path / CCI, field, nodata=0)
    half = 0.5 / 360
    map_files.geotiff(tmp_path / GLOBCOVER, np.full((12, 12), 14, np.uint8), origin=(108 - half, 35 + half))
    map_files.geotiff(tmp_path / GLOBCOVER.replace("V2.3", "V2.3_CLA_QL"), field, origin=(108 - half, 35 + half))
    return tmp_path


def _classes(product: products.Product) -> np.ndarray:
    """Strict targets of all pixels of the first file."""
    file = product.files[0]
    codes = rasters.read(file, file.lattice.whole)
    return crosswalk.recode(codes, product.crosswalk, "strict", source=str(file.path))


def _describe(folder: pathlib.Path, text: str) -> pathlib.Path:
    (folder / "products.toml").write_text(text, encoding="utf-8")
    return folder


def _refused(folder: pathlib.Path, says: str) -> str:
    with pytest.raises(errors.InputError, match=says) as caught:
        products.find(folder)
    return str(caught.value)


def test_the_five_are_found_under_their_real_names_with_the_base_first(five: pathlib.Path) -> None:
    found = products.find(five)
    assert found.names == ("globeland30", "mcd12q1", "glcnmo", "cci_lc", "globcover")
    assert found.base.is_base
    assert [p.year for p in found.products] == [2010, 2010, 2008, 2010, 2009]
    assert [p.version for p in found.products] == ["lc030", "061", "v2", "v2.0.7", "v2.3"]
    assert [p.sampling for p in found.products] == ["mode", "centre", "centre", "centre", "touching"]
    assert [round(p.resolution_m) for p in found.products] == [30, 463, 464, 309, 309]
    assert [len(p.files) for p in found.products] == [1] * 5
    cultivated = legend.seven().by_name("cultivated").code
    for product in found.products:
        codes = _classes(product)
        assert (codes == cultivated).all()


def test_the_zone_of_a_tile_is_that_of_its_file_not_of_its_name(five: pathlib.Path) -> None:
    above_60 = five / "globeland30" / "n48_65_2010lc030.tif"  # a 12 degree tile on an odd zone
    map_files.geotiff(above_60, np.full((4, 4), 20, np.uint8), crs="EPSG:32647", origin=(5e5, 7.3e6), pixel=30.0)
    files = products.find(five).base.files
    zones = {file.path.name: pyproj.CRS(file.crs).utm_zone for file in files}
    assert zones == {"n49_30_2010lc030.tif": "49N", "n48_65_2010lc030.tif": "47N"}


def test_records_hold_what_a_reader_needs_to_repeat_the_run(five: pathlib.Path) -> None:
    record = json.loads(json.dumps(products.find(five).records()))[0]
    assert record["name"] == "globeland30"
    assert record["files"][0]["name"] == "n49_30_2010lc030.tif"
    assert record["files"][0]["size_bytes"] == (five / GLOBELAND30).stat().st_size
    assert len(record["files"][0]["sha256"]) == len(record["crosswalk_sha256"]) == 64
    assert {"year", "version", "licence", "citation", "crosswalk"} <= record.keys()


def test_products_travel_to_workers(five: pathlib.Path) -> None:
    found = products.find(five)
    assert pickle.loads(pickle.dumps(found)) == found


def test_files_are_chosen_by_place(five: pathlib.Path) -> None:
    base = products.find(five).base
    assert len(base.files_over((108.8, 34.2, 108.9, 34.4))) == 1
    assert base.files_over((100.0, 34.2, 100.1, 34.4)) == ()


@pytest.mark.parametrize(
    ("product", "name", "year", "version", "used"),
    [
        ("globeland30", "N34_40_2010LC030.TIF", 2010, "lc030", "globeland30"),
        ("globeland30", "s19_25_2010lc030.tif", 2010, "lc030", "globeland30"),
        ("mcd12q1", "MCD12Q1.A2010001.h27v05.061.2022168221543.hdf", 2010, "061", "mcd12q1"),
        ("mcd12q1", "MCD12Q1.A2010001.h27v05.006.2018146011534.hdf", 2010, "006", "mcd12q1"),
        ("mcd12q1", "MCD12Q1.A2010001.h27v05.051.2012157232322.hdf", 2010, "051", "mcd12q1_c5"),
        ("mcd12q1", "MCD12Q1.061_LC_Type1_doy2010001_aid0001.tif", 2010, "061", "mcd12q1"),
        ("mcd12q1", "MCD12Q1.051_Land_Cover_Type_1_doy2010001_aid0001.tif", 2010, "051", "mcd12q1_c5"),
        ("mcd12q1", "arcachon_MCD12Q1_LC_Type1_2004-01-01.tif", 2004, "", "mcd12q1"),
        ("glcnmo", "gm_lc_v2_1_1.tif", 2008, "v2", "glcnmo"),
        ("glcnmo", "gm_lc_v3.tif", 2013, "v3", "glcnmo"),
        ("cci_lc", "ESACCI-LC-L4-LCCS-Map-300m-P1Y-2010-v2.0.7cds.nc", 2010, "v2.0.7", "cci_lc"),
        ("cci_lc", "ESACCI-LC-L4-LCCS-Map-300m-P5Y-2010-v1.6.1.tif", 2010, "v1.6.1", "cci_lc"),
        ("cci_lc", "C3S-LC-L4-LCCS-Map-300m-P1Y-2018-v2.1.1.area-subset.51.5.7.nc", 2018, "v2.1.1", "cci_lc"),
        ("globcover", "GLOBCOVER_L4_200901_200912_V2.3.tif", 2009, "v2.3", "globcover"),
        ("globcover", "GLOBCOVER_200412_200606_V2.2_Global.tif", 2006, "v2.2", "globcover"),
    ],
)
def test_real_file_names_say_year_version_and_crosswalk(product, name, year, version, used) -> None:
    assert product_file_names.of(product, pathlib.Path(name)) == product_file_names.Named(year, version, used)


@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("globcover", "GLOBCOVER_L4_200901_200912_V2.3_CLA_QL.tif"),
        ("mcd12q1", "MCD12Q1.061_LC_Type2_doy2010001_aid0001.tif"),
        ("mcd12q1", "MCD12Q1.061_QC_doy2010001_aid0001.tif"),
        ("mcd12q1", "MCD12Q1.061_LC_Prop1_Assessment_doy2010001_aid0001.tif"),
    ],
)
def test_companions_of_the_maps_are_passed_over(product: str, name: str) -> None:
    assert product_file_names.is_companion(product, pathlib.Path(name))


def test_modis_exports_and_cci_netcdf_take_the_place_of_the_other_form(five: pathlib.Path) -> None:
    (five / MODIS).unlink()
    (five / CCI).unlink()
    export = five / "mcd12q1" / "MCD12Q1.061_LC_Type1_doy2010001_aid0001.tif"
    map_files.geotiff(export, np.full((9, 9), 12, np.uint8), pixel=1 / 240, nodata=255)
    map_files.geotiff(export.with_name("MCD12Q1.061_QC_doy2010001_aid0001.tif"), np.zeros((9, 9), np.uint8))
    map_files.netcdf(five / CCI.replace(".tif", "cds.nc"), np.full((9, 9), 210, np.uint8))
    found = {p.name: p for p in products.find(five).products}
    assert found["mcd12q1"].files[0].path == export
    cci = found["cci_lc"]
    assert (_classes(cci) == legend.seven().by_name("water").code).all()


@pytest.mark.parametrize("collection", ["051", "061"])
def test_collection_5_of_modis_is_read_with_its_own_crosswalk(five: pathlib.Path, collection: str) -> None:
    (five / MODIS).unlink()
    _modis(five / MODIS.replace("061", collection), grid="MOD12Q1", layer="Land_Cover_Type_1")
    assert products.find(five).products[1].crosswalk.product == "mcd12q1_c5"


def test_a_missing_folder_says_what_to_put_where(five: pathlib.Path) -> None:
    shutil.rmtree(five / "glcnmo")
    text = _refused(five, "missing: glcnmo")
    assert "gm_lc_v2_1_1.tif" in text
    assert "github.com/globalmaps/gm_lc_v2" in text
    assert "n49_30_2010lc030.tif" not in text


def test_no_folder_at_all_lists_all_five(tmp_path: pathlib.Path) -> None:
    text = _refused(tmp_path / "none", "there is none")
    assert all(f"{name}/ holds" in text for name in known_products.found_by_name())


def test_an_empty_folder_and_one_of_zip_files_say_so(five: pathlib.Path) -> None:
    (five / CCI).rename(five / "cci_lc" / "ESACCI.zip")
    _refused(five, r"cci_lc: no map of cci_lc found \(unpack the zip files first\)")
    (five / "cci_lc" / "ESACCI.zip").unlink()
    _refused(five, "cci_lc: no map of cci_lc found. Put there")


def test_a_raster_under_another_name_is_not_passed_over_silently(five: pathlib.Path) -> None:
    (five / GLCNMO).rename(five / "glcnmo" / "landcover.tif")
    _refused(five, r"landcover\.tif: not named as the files of glcnmo are")


def test_two_files_of_one_tile_are_refused(five: pathlib.Path) -> None:
    _modis(five / MODIS.replace("2022168221543", "2023001000000"))
    text = _refused(five, "hold one tile")
    assert "2022168221543" in text
    assert "2023001000000" in text


def test_the_same_map_as_geotiff_and_netcdf_is_refused(five: pathlib.Path) -> None:
    map_files.netcdf(five / CCI.replace(".tif", "cds.nc"), np.full((12, 12), 210, np.uint8))
    _refused(five, "hold one tile")


def test_two_years_of_one_product_are_refused(five: pathlib.Path) -> None:
    map_files.geotiff(five / CCI.replace("2010", "2011"), np.full((2, 2), 10, np.uint8))
    _refused(five, "files of one year and version; received 2010 v2.0.7 .*, 2011 v2.0.7")


def test_a_year_outside_2007_to_2013_needs_a_reason(five: pathlib.Path) -> None:
    (five / CCI).rename(five / CCI.replace("2010", "2015"))
    _refused(five, r'the year 2015, where 2007\.\.2013 is expected.*allow = "<reason>"')
    allowed = "".join(f'[[product]]\nname = "{n}"\n' for n in known_products.found_by_name() if n != "cci_lc")
    _describe(five, allowed + '[[product]]\nname = "cci_lc"\nallow = "no change since"\n')
    found = products.find(five)
    assert found.names == ("globeland30", "mcd12q1", "glcnmo", "globcover", "cci_lc")
    assert found.products[-1].record()["allow"] == "no change since"


def test_pixels_coarser_than_500_m_need_a_reason(five: pathlib.Path) -> None:
    map_files.geotiff(five / GLCNMO, np.full((12, 12), 11, np.uint8), pixel=1 / 120)
    _refused(five, "pixels of 928 m, where at most 500 m are expected")


def test_an_unknown_code_names_product_file_and_csv(five: pathlib.Path) -> None:
    map_files.geotiff(five / CCI, np.full((12, 12), 99, np.uint8))
    cci = products.find(five).products[3]
    with pytest.raises(errors.InputError, match=r"cci_lc: .*2010-v2\.0\.7\.tif holds .* code 99 \(144 pixels\)"):
        _classes(cci)


def test_a_nodata_tag_beyond_the_crosswalk_is_believed(five: pathlib.Path) -> None:
    map_files.geotiff(five / GLCNMO, np.full((12, 12), 255, np.uint8), pixel=1 / 240, nodata=255)
    glcnmo = products.find(five).products[2]
    assert glcnmo.nodata == 255
    assert (_classes(glcnmo) == legend.NODATA).all()


def test_a_nodata_tag_that_contradicts_the_crosswalk_must_be_settled(five: pathlib.Path) -> None:
    map_files.geotiff(five / GLCNMO, np.full((12, 12), 20, np.uint8), pixel=1 / 240, nodata=20)
    _refused(five, r"its tag says nodata = 20, but in glcnmo\.csv that is 'Water bodies'")
    text = '[[product]]\nname = "globeland30"\n[[product]]\nname = "glcnmo"\nnodata = {}\n'
    for stated, expected in (('"none"', legend.seven().by_name("water").code), ("20", legend.NODATA)):
        glcnmo = products.find(_describe(five, text.format(stated))).products[1]
        assert (_classes(glcnmo) == expected).all()


def test_different_nodata_tags_are_refused(five: pathlib.Path) -> None:
    map_files.geotiff(five / GLCNMO, np.full((4, 4), 20, np.uint8), pixel=1 / 240, nodata=255)
    other = five / GLCNMO.replace("1_2", "1_1")
    map_files.geotiff(other, np.full((4, 4), 20, np.uint8), pixel=1 / 240, origin=(-72, 35), nodata=254)
    _refused(five, r"expected one nodata tag in all files; received 254 \(gm_lc_v2_1_1\.tif\), 255")


def test_a_product_of_the_user_needs_files_crosswalk_year_and_licence(five: pathlib.Path) -> None:
    map_files.geotiff(five / "mine" / "a.tif", np.array([[1, 2], [2, 1]], np.uint16), pixel=1 / 1200, crs=None)
    (five / "mine.csv").write_text("code,name,strict,dominant\n1,Wald,forest,forest\n2,See,water,water\n")
    full = {
        "files": '["mine/*.tif"]', "crosswalk": '"mine.csv"', "year": "2012", "licence": '"CC0"', "crs": '"EPSG:4326"'
    }  # fmt: skip
    for left_out in ("crosswalk", "year", "licence", "crs"):
        _describe(five, _two(full, left_out))
        _refused(five, {"crs": "coordinate reference system"}.get(left_out, f"expected the key {left_out}"))
    found = products.find(_describe(five, _two(full, None)))
    mine = found.products[1]
    assert found.names == ("globeland30", "mine")
    assert (mine.year, mine.licence, mine.sampling, mine.crosswalk.product) == (2012, "CC0", "mode", "mine")
    assert _classes(mine).tolist() == [[20, 60], [60, 20]]


def _two(keys: dict[str, str], left_out: str | None) -> str:
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items() if key != left_out)
    return f'[[product]]\nname = "globeland30"\n[[product]]\nname = "mine"\n{lines}\n'


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ('license = "x"', r"\(cci_lc\): unknown key 'license'\. Did you mean licence"),
        ('year = "2010"', r"expected year to be a number; received '2010'"),
        ("year = true", r"expected year to be a number; received True"),
        ('files = "a.tif"', r"expected files to be a list"),
        ('files = ["b/*.tif"]', r"no file matches 'b/\*\.tif'"),
        ('nodata = "no"', r'expected nodata to be a class code of 0\.\.65535, or "none"'),
        ('allow = ""', r"expected allow to be the reason"),
        ('sampling = "nearest"', r"expected sampling to be one of mode, centre, touching"),
        ('files = [""]', r"'' is no name or pattern of files"),
        ('files = ["a**b"]', r"'a\*\*b' is no name or pattern of files"),
        ("resolution_m = nan", r"expected resolution_m to be a number of metres above 0; received nan"),
        ("resolution_m = -300", r"expected resolution_m to be a number of metres above 0; received -300"),
        ('crosswalk = "cci"', r"products\.toml.*Did you mean cci_lc\?"),
        ("base = 1", r"expected base to be true or false"),
    ],
)
def test_a_wrong_key_is_refused(five: pathlib.Path, keys: str, says: str) -> None:
    _refused(_describe(five, f'[[product]]\nname = "globeland30"\n[[product]]\nname = "cci_lc"\n{keys}\n'), says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[products]]\nname = 'cci_lc'\n", r"unknown key 'products'\. Did you mean product\?"),
        ("[[product]]\nname = 'CCI LC'\n", r"expected a name of lower case letters"),
        ("[[product]]\nyear = 2010\n", r"expected a name of lower case letters.*received None"),
        ("[[product]]\nname = 'cci_lc'\n[[product]]\nname = 'cci_lc'\n", r"cci_lc comes twice"),
        ("[[product]]\nname = 'globeland30'\n", r"expected 2 to 8 products"),
        ("[[product]]\nname = 'cci_lc'\n[[product]]\nname = 'globcover'\n", r"expected one product with base = true"),
        ("[[product]]\nname = 'globeland30'\n[[product]]\nname = 'mine'\n", r"mine: its files are not known by name"),
        ("[[product]\n", r"products\.toml: expected descriptions of products as TOML; .*line 1"),
        ("", r"products\.toml: expected a table \[\[product\]\]"),
    ],
)
def test_a_wrong_description_is_refused(five: pathlib.Path, text: str, says: str) -> None:
    _refused(_describe(five, text), says)


def test_a_products_toml_that_cannot_be_read_is_refused_not_passed_over(five: pathlib.Path) -> None:
    os.mkfifo(five / "products.toml")
    _refused(five, r"products\.toml: expected descriptions of products; found something that is no regular file")
    (five / "products.toml").unlink()
    (five / "products.toml").symlink_to("nowhere.toml")
    _refused(five, r"products\.toml: expected descriptions of products; found a link to a file that does not exist")


def test_a_pipe_in_place_of_a_crosswalk_is_refused_not_waited_for(five: pathlib.Path) -> None:
    os.mkfifo(five / "mine.csv")
    _describe(five, '[[product]]\nname = "globeland30"\n[[product]]\nname = "cci_lc"\ncrosswalk = "mine.csv"\n')
    _refused(five, r"mine\.csv: expected a crosswalk as CSV; found something that is no regular file")


def test_two_bases_are_refused(five: pathlib.Path) -> None:
    entry = '[[product]]\nname = "{}"\nbase = true\n'
    _refused(_describe(five, entry.format("cci_lc") + entry.format("globcover")), "received cci_lc, globcover")


def test_real_maps_are_read_as_a_description_says(shared_data: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for path in (shared_data / "landcover" / "aachen").iterdir():
        (tmp_path / path.name).symlink_to(path)
    found = products.find(_describe(tmp_path, AACHEN))
    assert found.names == ("corine", "mcd12c1", "glcnmo", "cci_lc", "globcover")
    assert [p.sampling for p in found.products] == ["mode", "centre", "centre", "centre", "centre"]
    classes = [_classes(p) for p in found.products]
    water = legend.seven().by_name("water").code
    assert (classes[1] == water).sum() == 4_358_583  # the oceans, which the tag calls nodata
    assert (classes[0] == water).sum() == 1580 + 2607  # CORINE 40 and 41: 511 and 512
    assert all((c == legend.seven().by_name("forest").code).sum() > 10_000 for c in classes)


def test_without_its_override_the_wrong_tag_of_the_real_map_is_noticed(shared_data, tmp_path: pathlib.Path) -> None:
    for path in (shared_data / "landcover" / "aachen").iterdir():
        (tmp_path / path.name).symlink_to(path)
    _describe(tmp_path, AACHEN.replace('nodata = "none"', ""))
    _refused(tmp_path, r"its tag says nodata = 0, but in mcd12q1_c5\.csv that is 'Water'")


def test_real_modis_has_no_code_that_its_crosswalk_lacks(shared_data: pathlib.Path) -> None:
    file = rasters.describe(shared_data / "landcover" / "arcachon_MCD12Q1_LC_Type1_2004-01-01.tif")
    codes = rasters.read(file, Window(0, 81, 0, 81))
    classes = crosswalk.recode(codes, crosswalk.shipped("mcd12q1"), "dominant", source=str(file.path))
    assert (classes == legend.seven().by_name("water").code).sum() == 3094


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("years = ", "year = ", 1), "received no usable years, year"),
        (lambda text: text.replace('crosswalk = "corine"', "crosswalk = 3"), "corine: .* received no usable crosswalk"),
        (lambda text: text.replace('"nlcd"', '"corine"'), "expected each product once"),
    ],
)
def test_a_table_of_facts_is_checked_when_it_is_read(tmp_path: pathlib.Path, change, says: str) -> None:
    path = tmp_path / "known.toml"
    path.write_text(change(known_products.FILE.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(errors.InputError, match=says):
        known_products.catalogue(path)


def test_the_catalogue_knows_every_product_with_a_crosswalk() -> None:
    names = {facts.name for facts in known_products.catalogue()}
    variants = {"mcd12q1_c5": "mcd12q1", "corine_grid": "corine"}
    assert names == {variants.get(name, name) for name in crosswalk.shipped_names()}
    for facts in known_products.catalogue():
        assert crosswalk.shipped(facts.crosswalk).strict
        assert all(vars(facts)[field] for field in ("title", "years", "licence", "citation", "access", "file_pattern"))
