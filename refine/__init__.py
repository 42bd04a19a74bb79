"""From a released dataset to a refined map: train, judge, reclassify, report.

The dataset is known only through TFDS (name, config, version, data_dir), the maps only through the sampling frame.

    released dataset    --samples-->    batches of pictures    --network, training-->    model folder    --export-->
                        --judging-->    which strategy is better, which labels are doubtful
    base map + frame + model    --mapping-->    refined.tif and the files beside it
    counts              --accuracy-->   estimates with intervals
    all of these        --report-->     one HTML page

`artefacts` holds what one command leaves for the next, as values that know their files. `demo` runs the whole road on
a generated world.
"""
