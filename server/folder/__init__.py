"""A data folder: read and held against every rule of `formats.md`, without storing anything."""
