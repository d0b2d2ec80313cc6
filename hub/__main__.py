"""``python -m hub`` is ``hub``."""

import sys

from hub.cli import main

sys.exit(main())
