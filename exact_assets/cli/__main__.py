"""`python -m exact_assets.cli`."""

from exact_assets.cli import main

main()
