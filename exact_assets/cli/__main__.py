"""`python -m exact_assets.cli`."""

from exact_assets.cli import main

if __name__ == "__main__":
    main()
