"""Runs the command line as `python -m colabctl`."""

from colabctl.cli import main

if __name__ == "__main__":
    main()
