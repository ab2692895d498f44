"""JupyterLab in a headless Chromium: what a person does, and the fixtures that start it.

Screenshots are left in build/clients. Where no Chromium can be had the tests are skipped, and say
so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from clients.surroundings import KERNEL_NAME, Jupyter, notebook_of
from harness import wait_until
from playwright.sync_api import Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
# Milliseconds, longer than any step takes on a busy machine.
LIMIT = 90_000

OpenNotebook = Callable[..., "Notebook"]


class Notebook:
    """A notebook in the page, with what a person does to it."""

    def __init__(self, page: Page, name: str, folder: Path) -> None:
        self.page = page
        self.name = name
        self._folder = folder

    def cell(self, number: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(number)

    def output(self, number: int) -> Locator:
        return self.cell(number).locator(".jp-Cell-outputArea")

    def run(self, number: int) -> None:
        """Control-Enter in the cell. Returns when the notebook has taken it as running or done."""
        cell = self.cell(number)
        editor = cell.locator(".cm-content")
        editor.click()
        expect(cell).to_have_class(re.compile("jp-mod-active"))
        # To this editor, wherever outputs that come in meanwhile have moved it.
        editor.press("Control+Enter")
        expect(cell.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[(\*|\d+)\]"))

    def command(self, number: int, *keys: str) -> None:
        """Keys in command mode, with a cell selected."""
        cell = self.cell(number)
        cell.locator(".jp-InputPrompt").click()
        expect(cell).to_have_class(re.compile("jp-mod-active"))
        for key in keys:
            self.page.keyboard.press(key)

    def expect_status(self, status: str) -> None:
        indicator = self.page.locator(".jp-Notebook-ExecutionIndicator")
        expect(indicator).to_have_attribute("data-status", status)

    def wait_for_kernel(self) -> None:
        """Until the status bar names the kernel: before that, a cell that is run is forgotten."""
        bar = self.page.locator(".jp-StatusBar-Widget, #jp-bottom-panel")
        expect(bar.first).to_contain_text(f"{KERNEL_NAME} | Idle")
        self.expect_status("idle")

    def look(self, moment: str) -> None:
        """Leave a screenshot for a person."""
        self.page.screenshot(path=self._folder / f"lab-{self.name}-{moment}.png")


@pytest.fixture(scope="session")
def chromium() -> str:
    found = subprocess.run(
        [ROOT / "ci" / "chromium"], stdout=subprocess.PIPE, text=True, timeout=300, check=False
    )
    if found.returncode != 0:
        pytest.skip("no Chromium on this machine, and none could be installed")
    return found.stdout.strip()


@pytest.fixture(scope="session")
def server(jupyter: Jupyter) -> Iterator[str]:
    """The address of a running JupyterLab, with its token."""
    work = jupyter.directory / "work"
    work.mkdir()
    settings = jupyter.directory / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    # Without a question about news in front of the notebook.
    (settings / "notification.jupyterlab-settings").write_text(
        json.dumps({"checkForUpdates": False, "fetchNews": "false"})
    )
    command = jupyter.command("jupyter", "lab", "--no-browser", "--ServerApp.port=0")
    command += [f"--ServerApp.root_dir={work}", "--IdentityProvider.token=secret"]
    if os.geteuid() == 0:
        command += ["--allow-root"]
    environment = jupyter.environment | {"JUPYTERLAB_SETTINGS_DIR": str(settings.parents[1])}
    log = jupyter.directory / "lab.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    address = re.compile(r"(http://(?:127\.0\.0\.1|localhost):[1-9]\d*)/lab")
    try:
        wait_until(lambda: address.search(log.read_text()) or process.poll(), what="JupyterLab")
        found = address.search(log.read_text())
        assert found, log.read_text()
        yield found[1]
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    # Not for the session: while playwright runs, no other test could run an event loop.
    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root, who is who runs in a container.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 1200, "height": 1400})
        page.set_default_timeout(LIMIT)
        expect.set_options(timeout=LIMIT)
        yield page
        browser.close()


@pytest.fixture
def open_notebook(
    page: Page, server: str, jupyter: Jupyter, build_folder: Path
) -> Iterator[OpenNotebook]:
    """Writes a notebook for the kernel under test and opens it in the page."""
    opened: list[Notebook] = []

    def open_it(name: str, *sources: str) -> Notebook:
        notebook = notebook_of(*sources)
        spec = {"name": KERNEL_NAME, "display_name": KERNEL_NAME, "language": "python"}
        notebook.metadata.kernelspec = spec
        nbformat.write(notebook, jupyter.directory / "work" / f"{name}.ipynb")
        page.goto(f"{server}/lab/tree/{name}.ipynb?token=secret&reset")
        shown = Notebook(page, name, build_folder)
        opened.append(shown)
        shown.cell(0).wait_for()
        shown.wait_for_kernel()
        return shown

    yield open_it
    for notebook in opened:
        notebook.look("end")
