"""From land cover maps to a published set of training samples.

Data walks one straight corridor. Each room has one noun:

    PRODUCTS/<product>/*   --maps-->     FRAME/agreement.tif, agreement_layers.tif, harmonized.tif
                           --points-->   FRAME/points.parquet
    FRAME/imagery.toml     --imagery, chips-->   FRAME/chips/<rules>/<batch>.parquet
    FRAME/reviews.parquet  --publish-->  DATA/globeland_samples/<config>/<version>/   (by `tfds build`)

`legend` says what the classes are; `pipeline` runs the rooms on Apache Beam; `world` makes a generated region to try
it all on. Numeric work is a pure function on arrays; files are opened at the edges.
"""
