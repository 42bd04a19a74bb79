"""From a released dataset to a refined map: train, judge, reclassify, report."""
