"""``python -m torchlogit`` is the command ``torchlogit``."""

import sys

from torchlogit.cli import main

if __name__ == "__main__":
    sys.exit(main())
