"""Engine results as MRML nodes, and back; needs slicer, vtk and numpy, no Qt, and no torch.

Everything of one forecast belongs to the *source*: the volume node of the reference scan, on whose grid the
worker answers. A second call finds what the first one made (by role and source, both saved with the scene)
and updates it.

`arrays`        `PlacedArray`, `Prediction`; `array_of` and `scan_input` lead back to the worker
`notice`        what every node and view says: predicted, research use, not for diagnosis
`ownership`     `Role`; `find`, `owned_nodes`, `sources_in`, `remove_forecast`
`volumes`       `show_predicted_image`, `show_visit`, `show_between`
`segmentation`  `show_labels`, `segment_id`, `labels_of`
`ages`          `show_prediction` for the slider, `AgeSequence` for a sweep
`curves`        `volume_curve`: a region's points, line, bounds and extrapolated parts, in numbers
`charts`        `show_table`, `rows_of`, `show_chart`, `move_age_marker`, `clicked_age_years`
`maps`          `show_change`, `show_uncertainty`, `forget_scales`
`hierarchy`     `arrange`: patient, study, and what was predicted beside it
"""
