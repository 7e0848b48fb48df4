"""The panel of MRExtrap in 3D Slicer: what it knows, what it does, and how it looks.

Without Slicer and Qt: `translation`, `visits`, `dates`, `choices`, `regions`, `left_out`, `state`, `board`,
`wishes`, `picture`, `talk`, `question`, `errand`, `looking`, `playing`, `control`, `answered`, `packages`,
`doctor`, `exports`, `words`. With them: `parameters`, `scans`, `stage`, `views`, `process`, `installing`,
`checkup`, `sample`, `tables`, `quiet`, `choice_form`, `view`, `panel`. For the self-test: `selftest`, and its
workers `linear_worker` and `tiny_worker`, which are never imported here.
"""
