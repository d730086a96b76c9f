# Runs within the sandbox, under strace: starts one shell after the other as an unprivileged user. It is given to `python3 -c` as text, so
# that nothing of the checkout needs to be visible in there. Not Node.js: under strace, forking a process of its size takes longer than most
# of the scripts.
import json
import os
import resource
import signal
import sys
import time

UID, HOME, OUTPUT = int(sys.argv[1]), sys.argv[2], sys.argv[3]
# Memory, CPU seconds, size of files, open files and processes: a script may loop, fork and write as it likes.
LIMITS = (
    (resource.RLIMIT_AS, 800_000 * 1024),
    (resource.RLIMIT_CPU, 2),
    (resource.RLIMIT_FSIZE, 1024 * 1024),
    (resource.RLIMIT_NOFILE, 128),
    (resource.RLIMIT_NPROC, 96),
)
CHILD_ENDED = {signal.SIGCHLD}


def is_stray(pid):
    try:
        return os.stat(f"/proc/{pid}").st_uid == UID
    except OSError:
        return False


def strays():
    """Processes of the scripts."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and is_stray(name)]


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass  # It has ended meanwhile.


def find(program, environment):
    places = (f"{directory}/{program}" for directory in environment["PATH"].split(":"))
    return next(place for place in places if os.access(place, os.X_OK))


def start(request, given, sink):
    argv, environment = request["argv"], request["environment"]
    # Here: afterwards the user may not even read this interpreter's own files.
    program = find(argv[0], environment)
    pid = os.fork()
    if pid > 0:
        return pid
    try:
        for to, descriptor in enumerate((given, sink, sink)):
            os.dup2(descriptor, to)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()
        os.setgroups([])
        os.setgid(UID)
        os.setuid(UID)
        os.chdir(HOME)
        for limit, value in LIMITS:
            resource.setrlimit(limit, (value, value))
        os.execve(program, argv, environment)
    finally:
        os._exit(127)


def wait_for(pid, seconds):
    """Whoever takes longer is killed, and all that it has started."""
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if signal.sigtimedwait(CHILD_ENDED, seconds) is None:
            kill(strays())


def sweep(seconds):
    """Waits for what a script left in the background, but not for long."""
    deadline = time.monotonic() + seconds
    while left := strays():
        if time.monotonic() > deadline:
            kill(left)
        time.sleep(0.003)


def say(name):
    """In the trace: what the parent reads before it is of the script before."""
    try:
        os.mkdir(f"/.{name}")
    except OSError:
        pass  # Nothing may be made there.


signal.pthread_sigmask(signal.SIG_BLOCK, CHILD_ENDED)
say(f"driver-{os.getpid()}")
say("ready")
for line in sys.stdin:
    request = json.loads(line)
    given = os.open(request["stdin"], os.O_RDONLY)
    sink = os.open(OUTPUT, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.ftruncate(sink, 0)
    script = start(request, given, sink)
    os.close(given)
    os.close(sink)
    wait_for(script, request["milliseconds"] / 1000)
    sweep(request["backgroundMilliseconds"] / 1000)
    say(f"end-of-{request['id']}")
