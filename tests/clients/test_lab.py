"""JupyterLab in a browser: cells, plots, widgets, input, interrupts and restarts."""

from __future__ import annotations

from clients.lab import OpenNotebook
from playwright.sync_api import expect

SLIDER = """\
import ipywidgets
slider = ipywidgets.IntSlider(value=3, max=10, description="Level")
out = ipywidgets.Output()
def show(change):
    with out:
        print("level is", change["new"])
slider.observe(show, "value")
ipywidgets.VBox([slider, out])"""

INTERACT = """\
from ipywidgets import interact
@interact(number=(0, 5), name="Ada")
def greet(number=1, name=""):
    return name + " %d" % number"""


def test_cells_run_and_plots_appear(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "cells",
        "print('hello from', 'the kernel')\n6 * 7",
        "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);",
        "import pandas\npandas.DataFrame({'column': [1, 2]})",
        "1/0",
    )
    for number in range(4):
        notebook.run(number)
    expect(notebook.output(0)).to_contain_text("hello from the kernel")
    expect(notebook.output(0)).to_contain_text("42")
    expect(notebook.output(1).locator("img")).to_be_visible()
    expect(notebook.output(2).locator("table")).to_contain_text("column")
    expect(notebook.output(3)).to_contain_text("ZeroDivisionError")
    notebook.expect_status("idle")


def test_a_slider_moves_python(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("slider", SLIDER, "slider.value")
    notebook.run(0)
    handle = notebook.output(0).locator(".noUi-handle")
    handle.focus()
    handle.press("ArrowRight")
    expect(notebook.output(0)).to_contain_text("level is 4")
    notebook.look("moved")
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("4")


def test_interact_calls_again(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("interact", INTERACT)
    notebook.run(0)
    output = notebook.output(0)
    expect(output).to_contain_text("'Ada 1'")
    output.locator(".noUi-handle").press("ArrowRight")
    expect(output).to_contain_text("'Ada 2'")
    box = output.locator(".widget-text input")
    box.fill("Bob")
    box.press("Enter")
    expect(output).to_contain_text("'Bob 2'")
    expect(output).not_to_contain_text("Ada 2")


def test_an_input_box_is_answered(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("input", "name = input('Your name? ')\nprint('Hello', name)")
    notebook.run(0)
    box = notebook.output(0).locator("input.jp-Stdin-input")
    box.wait_for()
    notebook.look("asked")
    box.fill("Ada")
    box.press("Enter")
    expect(notebook.output(0)).to_contain_text("Hello Ada")


def test_an_interrupt_stops_the_cell(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "interrupt",
        "import time\nprint('sleeping', 'now')\ntime.sleep(1000)",
        "'still ' + 'usable'",
    )
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("sleeping now")
    notebook.expect_status("busy")
    notebook.command(0, "i", "i")
    expect(notebook.output(0)).to_contain_text("KeyboardInterrupt")
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("still usable")


def test_a_restarted_kernel_begins_anew(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "restart", "value = 'of the first kernel'\n'set'", "globals().get('value', 'nothing')"
    )
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("set")
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("of the first kernel")
    notebook.command(1, "0", "0")
    notebook.page.locator(".jp-Dialog button.jp-mod-accept").click()
    expect(notebook.page.locator(".jp-Dialog")).to_have_count(0)
    notebook.wait_for_kernel()
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("nothing")
    expect(notebook.cell(1).locator(".jp-InputPrompt")).to_have_text("[1]:")
