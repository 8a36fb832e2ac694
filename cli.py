"""The costlab command, from a checkout: `python cli.py report inception_v3`."""

from costlab.cli import main

if __name__ == "__main__":
    main()
