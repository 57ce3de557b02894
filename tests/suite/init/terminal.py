"""Runs a program on a terminal of its own and answers its questions.

Usage: terminal.py ANSWERS PROGRAM [ARGUMENT...]

ANSWERS is JSON: [[text, answer], ...]. When `text` has been printed since the last answer, `answer` is typed and the
return key pressed; an answer of null is Ctrl-D. Prints everything that was to be seen, and ends as the program did.
"""

import json
import os
import pty
import select
import signal
import sys
import time


def main():
    answers = json.loads(sys.argv[1])
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.argv[2], sys.argv[2:])
    seen = b""
    since = 0
    end = time.monotonic() + 60
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            try:
                read = os.read(terminal, 4096)
            except OSError:
                read = b""
            if not read:
                break
            seen += read
        elif answers and answers[0][0].encode() in seen[since:]:
            # Nothing more is coming: the program waits.
            _, answer = answers.pop(0)
            since = len(seen)
            os.write(terminal, b"\x04" if answer is None else answer.encode() + b"\n")
    else:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    sys.stdout.write(seen.decode(errors="replace"))
    if answers:
        sys.stdout.write(f"\nnever asked: {answers}\n")
        sys.exit(99)
    sys.exit(os.waitstatus_to_exitcode(status))


main()
