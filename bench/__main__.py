"""``python -m bench [NAMES…] [--kubeconfig FILE] [--quick]``: measure, and print one table."""

from __future__ import annotations

import argparse
import importlib
import sys

from bench.child import Failed
from bench.figures import Figure, table

NAMES = (
    "sync",
    "watch_events",
    "live_events",
    "recording",
    "problems",
    "heal",
    "sandbox",
    "fleet",
    "neighbour",
    "console",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and print one table.")
    parser.add_argument("names", nargs="*", metavar="NAMES", help=f"of {', '.join(NAMES)} (all of them)")
    parser.add_argument("--kubeconfig", metavar="FILE", help="measure on this cluster, not the embedded one")
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run?")
    args = parser.parse_args()
    if unknown := [n for n in args.names if n not in NAMES]:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    figures: list[Figure] = []
    failed = False
    for name in args.names or NAMES:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            figures += importlib.import_module(f"bench.{name}").run(args.kubeconfig, args.quick)
        except (Failed, RuntimeError, OSError) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            failed = True
    print(table(figures))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
