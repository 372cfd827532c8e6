"""Rec. ITU-R propagation models on bare arrays: imports only numpy and numba."""
