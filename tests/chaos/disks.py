"""A disk that can be full: a small file system in memory, mounted on a folder. To mount takes root."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A disk of so many `mebibytes` under `folder`, once it is mounted."""

    folder: Path
    mebibytes: int = 256

    def mount(self) -> str | None:
        """Why it cannot be mounted here; None: it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self.mebibytes}m", "tmpfs", str(self.folder)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except OSError as error:
            return str(error)
        except subprocess.CalledProcessError as error:
            return str(error.stderr).strip()
        return None

    def unmount(self) -> None:
        """What lay there is gone."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    def fill(self) -> None:
        """To the last byte."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(os.urandom(_CHUNK))
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    def make_room(self) -> None:
        """As much as there was before."""
        self._ballast.unlink(missing_ok=True)
