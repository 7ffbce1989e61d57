import sys

from reconsole.cli import main

sys.exit(main())
