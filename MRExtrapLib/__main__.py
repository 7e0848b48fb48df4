"""`python -m MRExtrapLib`, where the command `mrextrap` is not on the PATH."""

import sys

from MRExtrapLib.cli.main import main

sys.exit(main())
