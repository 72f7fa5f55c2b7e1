"""Speaks the workload protocol to Racecourse's runner: JSON lines, as `lab/src/workload.rs` documents them."""

import importlib.metadata
import json
import os
import platform
import sys

PROTOCOL = 1


class Contender:
    """A way to do an exercise. One stands for each setup; what its `__init__` builds is not timed."""

    def ready(self):
        """Makes the input of the next run. Not timed."""

    def run(self):
        """The work: what the runner's clock counts. Returns the output."""
        raise NotImplementedError

    def write(self, output, file):
        """Writes an output as the exercise's workload reads it. Not timed."""
        raise NotImplementedError

    def close(self):
        """Ends what `__init__` has started."""


def serve(contender, packages=()):
    """Answers the runner until it says `quit`. `contender` is called with a request's threads, size, seed and input."""
    # What the work prints must not break into the protocol.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**what):
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    standing, setup, request = None, None, {}
    for line in sys.stdin:
        previous, request = request, json.loads(line)
        match request["op"]:
            case "hello":
                made_of = [f"{platform.python_implementation()} {platform.python_version()}"]
                made_of += [f"{name} {importlib.metadata.version(name)}" for name in packages]
                answer(peer={"protocol": PROTOCOL, "version": ", ".join(made_of)})
            case "prepare":
                wanted = {name: request[name] for name in ("threads", "size", "seed", "input")}
                if wanted != setup:
                    if standing:
                        standing.close()
                    standing, setup = contender(**wanted), wanted
                standing.ready()
                answer(prepared={"pid": os.getpid()})
            case "go":
                output = standing.run()
                answer(done={})
                standing.write(output, previous["output"])
                # Given up now and not when the next run ends, which would count as a part of that.
                output = None
                answer(written={})
            case "quit":
                break
            case other:
                answer(error=f"no request is called {other!r}")
    if standing:
        standing.close()
