"""MRExtrap: how one person's brain MRI will look at another age."""

__version__ = "0.1.0"
