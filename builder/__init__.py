"""From land cover maps to a published set of training samples.

Data walks one corridor. Each room has one noun; CONTRIBUTING.md draws the house.

    PRODUCTS/<product>/*   --maps-->             FRAME/agreement.tif, agreement_layers.tif, harmonized.tif
                           --points-->           FRAME/points.parquet
    FRAME/imagery.toml     --imagery, chips-->   FRAME/chips/<rules>/<batch>.parquet
    FRAME/reviews.parquet  --dataset-->          DATA/globeland_samples/<config>/<version>/   (by `tfds build`)
                           --release-->          RELEASES/globeland_samples/<config>/<version>/

`geometry` says where things lie and `legend` what classes are; `frame` knows the files of the folder FRAME. `pipeline`
runs functions of these rooms on Apache Beam, `steps` holds what each command does, and `world` generates a region to
try it all on. Numeric work is a pure function on arrays; files are opened at the edges.
"""
