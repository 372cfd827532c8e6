"""Layers in and out: grids, schemas, readers, Vietnamese text, the workspace, the sample province."""
