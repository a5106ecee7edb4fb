"""``python -m brainsim``: the command line."""

import sys

from brainsim.cli import main

sys.exit(main())
