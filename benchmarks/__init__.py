"""Kernels side by side: the same work over the wire, in the same run.

`ci/bench` is the door; README.md says how to read what comes out.
"""
