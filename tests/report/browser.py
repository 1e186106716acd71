"""Opens pages in Chromium."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the package chromium")

#: A page in a frame of a phone's width; a script whose result, the value of `answer`, is in the only paragraph.
FRAME = """
<iframe src="{page}" style="border: 0; width: 400px; height: 800px"></iframe>
<p></p>
<script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument;
  let answer;
  {script}
  document.querySelector("p").textContent = JSON.stringify(answer);
}}
</script>
"""


def browse(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page in Chromium. Returns what it prints, the document as it is after scripts ran as stdout."""
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", *options]
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [*words, profile, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert ":CONSOLE" not in done.stderr
    return done


def answer(page: Path, script: str) -> str:
    """Run a script over a page in a frame of a phone's width. Returns its answer, as JSON."""
    frame = page.with_name("frame.html")
    frame.write_text(FRAME.format(page=page.name, script=script))
    done = browse(frame, "--allow-file-access-from-files", "--virtual-time-budget=5000")
    return done.stdout.partition("<p>")[2].partition("</p>")[0]
