"""From a released dataset to a refined map: train, judge, reclassify, report.

The dataset is known only through TFDS (name, config, version, data_dir), the maps only through the sampling frame.

    released dataset --dataset (data, readers, batches)--> pictures
        --models (model, strategies, stages, training, features)--> model folder (export, calibration)
        --models (compare, judging)--> who is better      --models (noise)--> which labels are doubtful
    base map + frame + model --mapping (reclassify, engines, mapping)--> refined.tif (changes, stac)
    counts --accuracy (estimators, intervals, bootstrap, paired, planning, support)--> estimates (lint, repair)
    all of it --report--> one HTML page               --demo--> the whole road on a generated world
"""
