"""Lets `python -m colabctl` do what `colabctl` does."""

from colabctl.cli import main

if __name__ == "__main__":
    main()
