"""What a process of its own pays for the codec: its memory and its start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.markdown import REPOSITORY
from benchmarks.running import ONE_THREAD

# Peak memory is the process's own VmHWM: getrusage's would have what its parent had before the exec.
_READ = """
import sys
from pathlib import Path
import cv2
import numpy as np
from watermarks import read

def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name + ":")))

cv2.setNumThreads(1)
idle = kilobytes("VmRSS")
photo = cv2.imdecode(np.frombuffer(Path(sys.argv[1]).read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)
read(photo, bytes.fromhex(sys.argv[2]))
print((kilobytes("VmHWM") - idle) / 1000)
"""

_IMPORT = """
import time
started = time.perf_counter()
import watermarks
print(time.perf_counter() - started)
"""


def peak_read_mb(photo: Path, key: bytes) -> float:
    """Return how much memory over the idle process a read takes, its decoded photo included, in MB."""
    return _told_by(_READ, str(photo), key.hex())


def import_s() -> float:
    """Return how long a fresh process takes to import the codec."""
    return _told_by(_IMPORT)


def _told_by(program: str, *arguments: str) -> float:
    """Return the number that a program prints in a process of its own, on one core."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(  # noqa: S603
        command, cwd=REPOSITORY, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=True
    )
    return float(done.stdout)
