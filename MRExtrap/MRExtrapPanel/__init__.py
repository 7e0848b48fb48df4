"""The panel of MRExtrap in 3D Slicer: what it knows, what it does, and how it looks.

Files without Slicer: `visits`, `choices`, `state`, `wishes`, `talk`, `looking`, `control`, `packages`.
Files with Slicer: `parameters`, `scans`, `stage`, `process`, `installing`, `sample`, `view`, `panel`.
"""
