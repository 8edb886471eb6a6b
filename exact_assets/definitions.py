"""The code location of a checkout: what the environment configures. Projects of your own call `build_defs`."""

from exact_assets.build import build_location_defs

defs = build_location_defs()
