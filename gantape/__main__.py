"""`python -m gantape` is the installed command `gantape`."""

from gantape.commands import main

if __name__ == "__main__":
    main()
