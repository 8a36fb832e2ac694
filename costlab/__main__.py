"""The command line as a module: `python -m costlab report inception_v3`."""

from costlab.cli import main

if __name__ == "__main__":
    main()
