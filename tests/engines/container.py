"""A process as a container's runtime starts it: it sees a volume at its place, the file's environment, and itself as process 1.

What is emulated is what a program can notice of a container: nothing of its starter's environment, the working folder `/`, a volume
where the file mounts it, and process number 1, for which the kernel drops every signal that has no handler. Other files are the
machine's own: an image's content is not emulated.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "process"))

from program import PATIENCE_S, ProcessError, send, state_of, wait_for

# Builds a root of its own out of the machine's folders, so that a volume can stand where the machine has nothing; all of it is
# gone with the process. Words: the new root, the volume's folder, its place, the file for the number of process 1, the command.
# The shell that stays outside tells how process 1 ended; `unshare --fork` would do so, but that of util-linux 2.38 says 1 for
# every signal.
ENTER = """
set -e
root=$1 folder=$2 place=$3 number=$4 path=$PATH
shift 4
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs tmpfs "$root"
for entry in /*; do
  if [ "$entry" = "$place" ] || [ "$entry" = /proc ]; then continue; fi
  if [ -L "$entry" ]; then cp -P "$entry" "$root/"; fi
  if [ -d "$entry" ] && [ ! -L "$entry" ]; then
    mkdir "$root$entry"
    mount --rbind "$entry" "$root$entry"
  fi
done
mkdir "$root$place" "$root/proc"
mount --bind "$folder" "$root$place"
exec unshare --pid sh -c '
  number=$1
  shift
  setpriv --pdeathsig KILL sh -c "$0" first "$@" &
  echo "$!" > "$number"
  code=0
  wait "$!" || code=$?
  exit "$code"
' '
  mount -t proc proc "$1/proc"
  root=$1 path=$2
  shift 2
  exec chroot "$root" env PATH="$path" "$@"
' "$number" "$root" "$path" "$@"
"""
# Nothing outlives the runner, however it ends.
TIED = ("setpriv", "--pdeathsig", "KILL")


@dataclass(frozen=True)
class Image:
    """What an image brings: the program on its `PATH`, and nothing that this repository has."""

    folder: Path
    program: Path

    @property
    def binaries(self) -> Path:
        """The folder of its own programs."""
        return self.folder / "bin"

    @classmethod
    def build(cls, folder: Path, program: Path) -> Image:
        """An image with one program, as `retally`."""
        image = cls(folder, program)
        image.binaries.mkdir(parents=True)
        (folder / "root").mkdir()
        (folder / "nothing").mkdir()
        (image.binaries / "retally").symlink_to(program)
        return image

    def add(self, name: str, script: str) -> None:
        """A further program of the image, which comes before the machine's."""
        path = self.binaries / name
        path.unlink(missing_ok=True)
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)

    def environment(self) -> dict[str, str]:
        """As the image sets it. `RETALLY_ROOT` is empty, so that what the store lacks is not found beside it."""
        return {
            "PATH": f"{self.binaries}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "RETALLY_ROOT": str(self.folder / "nothing"),
        }


@dataclass(frozen=True)
class Mount:
    """A folder of this machine at a place of the container."""

    folder: Path
    place: str


class Container:
    """A process in a container, which runs."""

    def __init__(self, image: Image, mount: Mount, environment: Mapping[str, str], command: Sequence[str], log: Path) -> None:
        check_place(mount.place)
        self.log = log
        words = [*TIED, *entering()]
        descriptor, name = tempfile.mkstemp(dir=image.folder)
        os.close(descriptor)
        words += ["sh", "-c", ENTER, "enter", str(image.folder / "root"), str(mount.folder), mount.place, name, *command]
        with log.open("ab") as output:
            self._outside = subprocess.Popen(
                words,
                env={**image.environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                # No terminal: an interactive shell in it would take it for itself.
                start_new_session=True,
            )
        number = Path(name)
        wait_for(lambda: self.has_ended() or number.read_text(encoding="ascii").endswith("\n"), "a container to start")
        told = number.read_text(encoding="ascii").strip()
        if not told:
            raise ProcessError(f"a container did not start: {self.text()}")
        self.pid = int(told)

    def has_ended(self) -> bool:
        """Whether its first process, and so the container, has ended."""
        return self._outside.poll() is not None

    def code(self) -> int | None:
        """The exit code as a container's runtime tells it: 128 and the signal's number for a process that a signal ended."""
        return self._outside.poll()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to its first process, from outside."""
        if not self.has_ended():
            send(self.pid, number)

    def wait(self) -> int:
        """Waits for its end."""
        try:
            self._outside.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.destroy()
            raise ProcessError(f"it did not end in {PATIENCE_S:.0f} s: {self.text()}") from None
        code = self.code()
        assert code is not None
        return code

    def destroy(self) -> None:
        """Ends it with everything in it, as a machine that goes away does."""
        if not self.has_ended():
            send(self.pid, signal.SIGKILL)
            self._outside.kill()
        self._outside.wait()
        wait_for(lambda: state_of(self.pid) in "ZX", "a container to go")

    def text(self) -> str:
        """What this and earlier containers of the same log have printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def check_place(place: str) -> None:
    """A volume may only stand where nothing of the machine is hidden or made."""
    if not place.startswith("/") or "/" in place[1:] or place == "/":
        raise ProcessError(f"a volume at `{place}`: the runner knows places such as `/retally` only")


def entering() -> list[str]:
    """The command that gives a process mounts of its own; without root, together with a user of its own."""
    return ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])


def why_not() -> str:
    """Why containers cannot be had here; empty if they can."""
    try:
        words = [*TIED, *entering(), "unshare", "--pid", "true"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no `unshare` or `setpriv` (util-linux)"
    return done.stderr.strip() if done.returncode != 0 else ""
