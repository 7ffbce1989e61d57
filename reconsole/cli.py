"""The command line: reads the flags and hands over. Heavy imports wait until they are needed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from reconsole import __version__, values
from reconsole.demo import arguments
from reconsole.options import Options
from reconsole.output import OUTPUT_ERRORS, finish, lost, prepare

DEFAULT_SANDBOX_DIR = Path("~/.reconsole")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``reconsole``. Returns the exit code: 0, 1 for failures, 2 for wrong usage.

    74 is for output that could not be written, when nothing else is wrong.
    """
    prepare()
    try:
        return finish(_run(argv))
    except OSError as error:
        if error.errno not in OUTPUT_ERRORS:
            raise
        return lost(error)
    except KeyboardInterrupt:
        return 130


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    if args.command == "sandbox":
        from reconsole.embedded import run_sandbox

        return run_sandbox(args.dir or _default_dir(), port=args.port, extra=_sandbox_arguments(args))
    if args.command == "replay":
        from reconsole.replay import run_replay

        return run_replay(args, parser)
    if args.command == "manifests":
        from reconsole.manifests import print_manifests

        if args.operator and args.what == "all":
            parser.error(f"say what of it: reconsole manifests crd|rbac {args.operator}")
        return print_manifests(args.what, args.operator, args.namespace or "")
    if args.command == "config":
        from reconsole.config import print_config

        return print_config(args.output or "text", no_mouse=args.no_mouse)
    if args.command == "why":
        from reconsole.why import run_why

        args.ui = False
        return run_why(_options(parser, args), args.object)
    if args.command == "bundle":
        from reconsole.bundle import run_bundle

        args.ui = False
        return run_bundle(_options(parser, args), args.object, anonymize=args.anonymize)
    if args.command == "completion":
        from reconsole.completion import script

        sys.stdout.write(script(parser, args.shell))
        return 0
    if args.command == "doctor":
        from reconsole.doctor import run_doctor

        args.ui = False
        return run_doctor(_options(parser, args))
    if args.command == "play":
        from reconsole.demo.play import run_play

        return run_play(args.file, args.speed)
    if args.command == "demo":
        return arguments.run(args, parser, partial(_options, parser, args))
    options = _options(parser, args)
    if options.ui:
        from reconsole.console import run_console

        return run_console(options)
    from reconsole.headless import run_headless

    return run_headless(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl reconsole" if Path(sys.argv[0]).name == "kubectl-reconsole" else "reconsole",
        description="A Redis operator for Kubernetes with a live console. "
        "Without --context or --kubeconfig it brings its own embedded cluster.",
        epilog="Without a command: console and controller in one process.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"reconsole {__version__}")
    _add_common(parser)
    commands = parser.add_subparsers(dest="command", metavar="[COMMAND]")
    sandbox = commands.add_parser("sandbox", help="only the embedded cluster", allow_abbrev=False)
    sandbox.add_argument(
        "--bare", action="store_true", help="API server, garbage collector and namespace controller; no nodes"
    )
    sandbox.add_argument("--dir", "--sandbox-dir", metavar="DIR", type=Path, help="where the kubeconfigs go")
    sandbox.add_argument(
        "--port", metavar="PORT", type=values.port, default=0, help="port on 127.0.0.1 (a free one)"
    )
    sandbox.add_argument(
        "--runtime", choices=("auto", "process", "simulated"), default="auto",
        help="run Redis for real where redis-server is installed (auto)",
    )  # fmt: skip
    sandbox.add_argument("--data-dir", metavar="DIR", type=Path, help="keep the state there (in memory)")
    sandbox.add_argument("--nodes", metavar="N", type=values.count, default=2, help="how many nodes (2)")
    sandbox.add_argument("--seed", metavar="N", type=values.count, default=0, help="repeatable delays (0)")
    sandbox.add_argument(
        "--fault", metavar="JSON", action="append", default=[],
        help='a fault from the start, as in \'{"status": 503, "seconds": 5}\' (see docs/sandbox.md)',
    )  # fmt: skip
    run = commands.add_parser(
        "run",
        help="an operator written on controller_runtime, in the console",
        description="Opens an operator in the console. The file has a function setup(manager) that builds "
        "its controllers; its kinds are the tables. All options of reconsole apply.",
        allow_abbrev=False,
    )
    run.add_argument("operator", metavar="FILE.py | MODULE:FUNCTION", type=values.present)
    for action in _add_common(run):
        action.default = argparse.SUPPRESS  # what stood before "run" counts
    for action in _add_common(arguments.add_demo(commands)):
        action.default = argparse.SUPPRESS
    arguments.add_play(commands)
    _add_replay(commands)
    manifests = commands.add_parser("manifests", help="YAML for kubectl apply -f -", allow_abbrev=False)
    manifests.add_argument("what", choices=("crd", "rbac", "all"), nargs="?", default="all")
    manifests.add_argument(
        "operator",
        metavar="FILE.py | MODULE:FUNCTION",
        type=values.present,
        nargs="?",
        help="those of this operator",
    )
    manifests.add_argument(
        "-n",
        "--namespace",
        metavar="NS",
        type=values.namespace,
        default=argparse.SUPPRESS,
        help="roles in one namespace only",
    )
    config = commands.add_parser(
        "config",
        help="the console's configuration, and where each value comes from",
        description="Prints all that can be set: theme, mouse, rows of the stream, keys.",
        allow_abbrev=False,
    )
    config.add_argument(
        "-o", "--output", choices=("text", "json"), default=argparse.SUPPRESS, help="how to print (text)"
    )
    why = commands.add_parser(
        "why",
        help="why an object is not well; exit 0 or 1",
        description="Explains one object of a cluster: what is wrong, on what evidence, since when. Without "
        "--context or --kubeconfig it looks at the embedded cluster that runs.",
        allow_abbrev=False,
    )
    why.add_argument("object", metavar="KIND/NAME", help="as in pod/my-op-redis-0")
    _add_looking(why)
    bundle = commands.add_parser(
        "bundle",
        help="all about an object as one Markdown text, to hand to somebody else",
        description="Prints the explanation of an object, its YAML, its owners and children, Events, "
        "the ends of logs and versions. Values of Secrets and what looks like a credential are replaced; it "
        "begins with what it holds and what it withholds.",
        allow_abbrev=False,
    )
    bundle.add_argument("object", metavar="KIND/NAME", help="as in pod/my-op-redis-0")
    bundle.add_argument(
        "--anonymize",
        action="store_true",
        help="replace names, images, addresses: each always by the same",
    )
    for action in _add_where(bundle):
        action.default = argparse.SUPPRESS
    doctor = commands.add_parser(
        "doctor",
        help="what is in the operator's way on a cluster; exit 0 or 1",
        description="Looks at the connection, the CRD, every permission, the leader, quotas and admission, "
        "and says what to do. Without --context or --kubeconfig it looks at the embedded cluster that runs.",
        allow_abbrev=False,
    )
    doctor.add_argument(
        "operator",
        metavar="FILE.py | MODULE:FUNCTION",
        type=values.present,
        nargs="?",
        help="of this operator",
    )
    _add_looking(doctor)
    completion = commands.add_parser(
        "completion",
        help="what a shell needs to complete these words",
        description="Prints a script for the shell, as in: source <(reconsole completion bash)",
        allow_abbrev=False,
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    return parser


def _add_looking(parser: argparse.ArgumentParser) -> None:
    """The options of a command that looks at a cluster, prints and ends."""
    for action in _add_where(parser):
        action.default = argparse.SUPPRESS
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default=argparse.SUPPRESS, help="how to print (text)"
    )


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replay = commands.add_parser(
        "replay",
        help="a recording of --events in the console, or as lines",
        description="Shows what was recorded with --events, as it happened.",
        allow_abbrev=False,
    )
    replay.add_argument("file", metavar="FILE", type=Path, help="a .jsonl, .jsonl.gz or .jsonl.zst file")
    replay.add_argument(
        "other", metavar="OTHER", type=Path, nargs="?",
        help="with --no-ui: say where the two part; exit code 1 when they do",
    )  # fmt: skip
    replay.add_argument(
        "--no-ui", dest="ui", action="store_false", help="print the lines that --no-ui prints"
    )
    replay.add_argument("-o", "--output", choices=("text", "json"), help="with --no-ui: how to print (text)")
    replay.add_argument(
        "--from", dest="since", metavar="TIME", help="as in +5m, 14:30:05, 2026-01-31T14:30:05Z"
    )
    replay.add_argument("--to", dest="until", metavar="TIME", help="the last moment, in the same words")
    replay.add_argument(
        "--object", metavar="KIND/NS/NAME", help="with --no-ui: what concerns this object alone"
    )
    replay.add_argument(
        "--redact", metavar="COPY", type=Path,
        help="write a copy in which names, images and addresses are replaced, and end",
    )  # fmt: skip


def _add_where(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The options that say which cluster, and who we are there; they are returned."""
    where = parser.add_argument_group("where")
    where.add_argument("--kubeconfig", metavar="FILE", type=Path, help="use the cluster of this kubeconfig")
    where.add_argument("--context", metavar="NAME", help="use this context of the kubeconfig")
    where.add_argument(
        "-n", "--namespace", metavar="NS", type=values.namespace, help="look after one namespace only"
    )
    where.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces (the default)")
    where.add_argument(
        "--as", dest="impersonate", metavar="USER", type=values.present, help="the controller's identity"
    )
    where.add_argument(
        "--as-group", dest="groups", metavar="GROUP", type=values.present, action="append", default=[],
        help="a group of that identity; may be repeated",
    )  # fmt: skip
    where.add_argument(
        "--sandbox-dir", metavar="DIR", type=Path,
        help=f"where the embedded cluster keeps its kubeconfigs (default: {DEFAULT_SANDBOX_DIR})",
    )  # fmt: skip
    return where._group_actions


def _add_common(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The options of every run of a controller; they are returned."""
    where = _add_where(parser)
    how = parser.add_argument_group("how")
    how.add_argument(
        "--no-ui", dest="ui", action="store_false", help="the controller alone, without a screen"
    )
    how.add_argument("-o", "--output", choices=("text", "json"), help="with --no-ui: how to print (text)")
    how.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    how.add_argument("--read-only", action="store_true", help="no writes from the console")
    how.add_argument("--observe", action="store_true", help="watch only, do not reconcile")
    how.add_argument(
        "--metrics-bind-address",
        metavar="ADDR",
        default="0",
        help="serve /metrics, as in :8080 (default: 0, off)",
    )
    how.add_argument(
        "--health-probe-bind-address", metavar="ADDR", default="0",
        help="serve /healthz and /readyz, as in :8081 (default: 0, off)",
    )  # fmt: skip
    how.add_argument(
        "--leader-elect",
        action="store_true",
        help="reconcile only while holding the lease, as in a Deployment",
    )
    how.add_argument(
        "--events", metavar="FILE", type=Path,
        help="record all events: a .jsonl, .jsonl.gz or .jsonl.zst file for reconsole replay",
    )  # fmt: skip
    how.add_argument(
        "--record", metavar="FILE.cast", type=Path, help="record the screen, for reconsole play",
    )  # fmt: skip
    how.add_argument(
        "--record-rbac", metavar="FILE.yaml", type=Path,
        help="write down the least role that this run used",
    )  # fmt: skip
    return [*where, *how._group_actions]


def _default_dir() -> Path:
    return DEFAULT_SANDBOX_DIR.expanduser()


def _sandbox_arguments(args: argparse.Namespace) -> list[str]:
    more = [word for fault in args.fault for word in ("--fault", fault)]
    if args.data_dir:
        more += ["--data-dir", str(args.data_dir.expanduser().absolute())]
    if args.bare:
        return ["--bare", *more]
    return ["--runtime", args.runtime, "--nodes", str(args.nodes), "--seed", str(args.seed), *more]


def _options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Options:
    real = args.kubeconfig is not None or args.context is not None
    if args.namespace is not None and args.all_namespaces:
        parser.error("-n and -A contradict each other: use one of them")
    if real and args.sandbox_dir is not None:
        parser.error("--sandbox-dir is for the embedded cluster: leave it out with --kubeconfig or --context")
    if args.groups and args.impersonate is None and not real:
        parser.error("--as-group needs --as: whom to act as in that group")
    if args.output is not None and args.ui:
        parser.error("-o needs --no-ui")
    if args.record is not None and not args.ui:
        parser.error("--record needs the console: there is no screen with --no-ui")
    if args.read_only and not args.ui:
        parser.error("--read-only is for the console: use --observe with --no-ui")
    if args.ui and not (sys.stdin.isatty() and sys.stdout.isatty()):
        parser.error("the console needs a terminal: use --no-ui")
    in_cluster = not real and args.sandbox_dir is None and "KUBERNETES_SERVICE_HOST" in os.environ
    return Options(
        kubeconfig=args.kubeconfig,
        context=args.context,
        embedded=not (real or in_cluster),
        namespaces=(args.namespace,) if args.namespace else (),
        impersonate=args.impersonate,
        groups=tuple(args.groups),
        sandbox_dir=args.sandbox_dir or _default_dir(),
        ui=args.ui,
        output=args.output or "text",
        read_only=args.read_only,
        observe=args.observe,
        metrics_bind_address=args.metrics_bind_address,
        health_probe_bind_address=args.health_probe_bind_address,
        leader_elect=args.leader_elect,
        events=args.events,
        operator=getattr(args, "operator", None),
        record=args.record,
        record_rbac=args.record_rbac,
        no_mouse=args.no_mouse,
    )
