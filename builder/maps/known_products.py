"""Facts of the products we know: what they are, who made them, and where to get them. The catalogue shows the same."""

from __future__ import annotations

import dataclasses

from builder import errors

BASE = "globeland30"


@dataclasses.dataclass(frozen=True)
class ProductFacts:
    """One product as its makers publish it. `resolution` is of its pixels, `crosswalk` the name of ours.

    `file_pattern` says how its files are named; `found_by_name` whether `products.find` knows them by that.
    """

    name: str
    title: str
    years: str
    resolution: str
    crosswalk: str
    licence: str
    citation: str
    published_accuracy: str
    access: str
    file_pattern: str
    found_by_name: bool = False


CATALOGUE = (
    ProductFacts(
        name=BASE,
        title="GlobeLand30",
        years="2000, 2010, 2020; read: 2010",
        resolution="30 m, UTM (zone of the file; odd zones above 60 degrees)",
        crosswalk=BASE,
        licence="free for research and public welfare after registration; a right to redistribute is not stated",
        citation="Chen et al. 2015, ISPRS J. Photogramm. Remote Sens. 103, 7-27, doi:10.1016/j.isprsjprs.2014.09.002",
        published_accuracy="80.33 % overall, kappa 0.75 (9 classes, more than 150,000 samples)",
        access="register at www.globallandcover.com, choose the tiles of 2010, unpack the zip files",
        file_pattern="n49_30_2010lc030.tif",
        found_by_name=True,
    ),
    ProductFacts(
        name="mcd12q1",
        title="MODIS land cover type MCD12Q1, IGBP layer",
        years="2001 on, yearly; read: 2010",
        resolution="463.3 m (nominal 500 m), sinusoidal",
        crosswalk="mcd12q1",
        licence="open (NASA EOSDIS: shared without restriction)",
        citation="Friedl and Sulla-Menashe 2022, MCD12Q1 061, NASA LP DAAC, doi:10.5067/MODIS/MCD12Q1.061",
        published_accuracy="about 75 % (C5), about 74 % (C6), cross-validated (unverified)",
        access="LP DAAC with an Earthdata login: the tiles A2010001 as HDF4 (extra `modis`), or AppEEARS as GeoTIFF",
        file_pattern="MCD12Q1.A2010001.h27v05.061.*.hdf or MCD12Q1.061_LC_Type1_doy2010001_*.tif",
        found_by_name=True,
    ),
    ProductFacts(
        name="glcnmo",
        title="GLCNMO, Global Land Cover by National Mapping Organizations",
        years="2003 (v1), 2008 (v2), 2013 (v3); read: v2",
        resolution="15 arc seconds (464 m), WGS84 degrees",
        crosswalk="glcnmo",
        licence="free for non-commercial use; credit: Geospatial Information Authority of Japan, Chiba University and "
        "collaborating organizations",
        citation="Tateishi et al. 2014, J. Geogr. Geol. 6(3), 99, doi:10.5539/jgg.v6n3p99",
        published_accuracy="77.9 % overall on 904 points, 82.6 % weighted by area (v2)",
        access="releases of github.com/globalmaps/gm_lc_v2: four tiles, unpack the zip files",
        file_pattern="gm_lc_v2_1_1.tif .. gm_lc_v2_2_2.tif",
        found_by_name=True,
    ),
    ProductFacts(
        name="cci_lc",
        title="ESA CCI Land Cover",
        years="1992-2015 (v2.0.7), 2016 on (C3S v2.1.1), yearly; read: 2010",
        resolution="1/360 degree (300 m), EPSG:4326",
        crosswalk="cci_lc",
        licence="free with credit to the ESA CCI Land Cover project; terms of the Climate Data Store",
        citation="Defourny et al. 2017, Land Cover CCI Product User Guide v2; data doi:10.24381/cds.006f2c9a",
        published_accuracy="71-75 % overall (unverified)",
        access="maps.elie.ucl.ac.be/CCI (GeoTIFF) or the Climate Data Store (NetCDF): the map of 2010",
        file_pattern="ESACCI-LC-L4-LCCS-Map-300m-P1Y-2010-v2.0.7.tif or ...-v2.0.7cds.nc",
        found_by_name=True,
    ),
    ProductFacts(
        name="globcover",
        title="GlobCover 2009",
        years="2009",
        resolution="1/360 degree (300 m), WGS84 degrees, half a pixel off the grid of CCI-LC",
        crosswalk="globcover",
        licence="free for education and science; credit: ESA 2010 and UCLouvain",
        citation="Arino et al. 2012, Global Land Cover Map for 2009 (GlobCover 2009), ESA and UCLouvain",
        published_accuracy="67.5 % overall, weighted by area (unverified); its predecessor of 2005-06: 73 %",
        access="due.esrin.esa.int/page_globcover.php: Globcover2009_V2.3_Global_.zip, unpack it",
        file_pattern="GLOBCOVER_L4_200901_200912_V2.3.tif",
        found_by_name=True,
    ),
    ProductFacts(
        name="worldcover",
        title="ESA WorldCover",
        years="2020 (v100), 2021 (v200)",
        resolution="1/12000 degree (10 m), EPSG:4326",
        crosswalk="worldcover",
        licence="CC BY 4.0",
        citation="Zanaga et al. 2022, ESA WorldCover 10 m 2021 v200, doi:10.5281/zenodo.7254221",
        published_accuracy="74.4 % (v100), 76.7 % (v200) overall",
        access="esa-worldcover.org: tiles of 3 x 3 degrees",
        file_pattern="ESA_WorldCover_10m_2021_v200_N33E108_Map.tif",
    ),
    ProductFacts(
        name="corine",
        title="CORINE Land Cover",
        years="1990, 2000, 2006, 2012, 2018",
        resolution="100 m, EPSG:3035",
        crosswalk="corine",
        licence="free with credit to the Copernicus Land Monitoring Service",
        citation="European Environment Agency, CORINE Land Cover, land.copernicus.eu/pan-european/corine-land-cover",
        published_accuracy="above the specified 85 % in two European validation studies",
        access="land.copernicus.eu; codes 111..523: crosswalk `corine`, grid codes 1..44: crosswalk `corine_grid`",
        file_pattern="U2018_CLC2012_V2020_20u1.tif",
    ),
    ProductFacts(
        name="nlcd",
        title="National Land Cover Database of the United States",
        years="2001-2021, every two or three years; yearly in Annual NLCD",
        resolution="30 m, Albers equal area",
        crosswalk="nlcd",
        licence="public domain (U.S. Geological Survey)",
        citation="Dewitz 2021, National Land Cover Database 2019, U.S. Geological Survey, doi:10.5066/P9KZCM54",
        published_accuracy="91 % overall at level I (2019)",
        access="www.mrlc.gov/data",
        file_pattern="nlcd_2011_land_cover_l48_20210604.img",
    ),
    ProductFacts(
        name="cgls_lc100",
        title="Copernicus Global Land Service, land cover 100 m, discrete classes",
        years="2015-2019, yearly",
        resolution="1/1008 degree (100 m), EPSG:4326",
        crosswalk="cgls_lc100",
        licence="free with credit to the Copernicus Global Land Service",
        citation="Buchhorn et al. 2020, Copernicus Global Land Service: Land Cover 100m, doi:10.5281/zenodo.3939050",
        published_accuracy="80.6 % (2015), 80.3 % (2019) overall at level 1",
        access="zenodo.org/communities/copernicus-land-cover or land.copernicus.eu",
        file_pattern="PROBAV_LC100_global_v3.0.1_2015-base_Discrete-Classification-map_EPSG-4326.tif",
    ),
    ProductFacts(
        name="glc_fcs30",
        title="GLC_FCS30 and GLC_FCS30D",
        years="1985-2022",
        resolution="30 m, EPSG:4326",
        crosswalk="glc_fcs30",
        licence="CC BY 4.0",
        citation="Zhang et al. 2021, Earth Syst. Sci. Data 13, 2753-2776, doi:10.5194/essd-13-2753-2021",
        published_accuracy="82.5 % overall, kappa 0.784 (2015, 9 classes); 80.88 % (GLC_FCS30D)",
        access="zenodo.org: GLC_FCS30D, tiles of 5 x 5 degrees",
        file_pattern="GLC_FCS30_2015_E105N35.tif",
    ),
)
FOUND_BY_NAME = tuple(facts.name for facts in CATALOGUE if facts.found_by_name)


def facts_of(name: str) -> ProductFacts | None:
    """What we know of the product called `name`; None if nothing."""
    return next((facts for facts in CATALOGUE if facts.name == name), None)


def what_to_put(name: str) -> str:
    """Where a product comes from and what goes into its folder, in one line of an error.

    Raises:
      errors.InputError: if files of the product are not known by name.
    """
    facts = facts_of(name)
    if facts is None or not facts.found_by_name:
        raise errors.InputError(
            f"{name}: its files are not known by name, as those of {', '.join(FOUND_BY_NAME)} are. "
            "Give `files` in products.toml."
        )
    return f"{name}/ holds {facts.title} as {facts.file_pattern} (from: {facts.access})"
