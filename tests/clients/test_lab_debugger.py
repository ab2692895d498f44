"""JupyterLab's debugger in a browser: what its panel shows, and what its buttons do."""

from __future__ import annotations

import re

from clients.lab import Notebook, OpenNotebook
from playwright.sync_api import Locator, expect

CELL = """\
def area(width, height):
    result = width * height
    return result
total = area(3, 4)
print("total", total)"""

FRAME = """\
class Table:
    def _repr_html_(self): return "<table><tr><td>rich</td></tr></table>"
def show(table):
    return table
show(Table())"""

BREAKPOINT = """\
def inner():
    breakpoint()
    return "went " + "on"
inner()"""


def button(element: Locator) -> Locator:
    """What a click has to reach: within JupyterLab's element, and enabled a little after it."""
    return element.locator("button")


class Panel:
    """The debugger's side panel, and the marks beside a cell's lines."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.callstack = self.page.locator(".jp-DebuggerCallstackFrame")
        self.variables = self.page.locator(".jp-DebuggerVariables")

    def switch_on(self) -> None:
        button(self.page.locator(".jp-DebuggerBugButton").first).click()
        expect(self.page.locator(".jp-DebuggerSidebar-body")).to_be_visible()
        expect(self.command("continue")).to_be_visible()

    def command(self, name: str) -> Locator:
        """A button of the panel."""
        toolbar = self.page.locator(".jp-DebuggerSidebar-body")
        return button(toolbar.locator(f'[data-command="debugger:{name}"]').first)

    def break_at(self, cell: int, line: int) -> None:
        gutter = self.notebook.cell(cell).locator(".cm-breakpoint-gutter .cm-gutterElement")
        gutter.nth(line).click()
        expect(gutter.locator(".cm-breakpoint-icon, .jp-DebuggerBreakpoint-marker")).to_have_count(
            1
        )
        # The list has it once the kernel has answered.
        expect(self.page.locator(".jp-DebuggerBreakpoint")).not_to_have_count(0)

    def expect_stop(self, function: str, line: int) -> None:
        top = self.callstack.first
        expect(top).to_contain_text(function)
        expect(top).to_contain_text(re.compile(rf":{line}$"))

    def show(self, scope: str) -> None:
        self.page.get_by_label("Scope").select_option(scope)

    def expect_variable(self, name: str, value: str) -> None:
        item = self.variables.locator(".jp-TreeItem").filter(has_text=re.compile(rf"^{name}"))
        expect(item.first).to_contain_text(value)

    def menu(self, variable: str, command: str) -> None:
        """Choose a command from the context menu of a variable."""
        name = self.variables.locator(".jp-DebuggerVariables-name")
        name.filter(has_text=re.compile(rf"^{variable}")).first.click(button="right")
        self.page.locator(f'.lm-Menu-item[data-command="debugger:{command}"]').click()

    def choose_exceptions(self, kind: str) -> None:
        """Set or remove the mark of a kind of exceptions to stop at."""
        self.page.locator(".jp-PauseOnExceptions").click()
        self.page.locator(".lm-Menu-item").filter(has_text=kind).click()


def test_a_cell_is_debugged(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "debugger",
        CELL,
        "import time\nprint('sleeping', 'now')\ntime.sleep(1000)",
    )
    panel = Panel(notebook)
    panel.switch_on()
    panel.break_at(0, 2)

    # It stops; frames and variables are the cell's.
    notebook.run(0)
    panel.expect_stop("area", 2)
    expect(panel.callstack).to_have_count(2)
    panel.show("Locals")
    panel.expect_variable("width", "3")
    notebook.look("stopped")

    # A step, and what it has made.
    panel.command("next").click()
    panel.expect_stop("area", 3)
    panel.expect_variable("result", "12")
    panel.command("stepOut").click()
    panel.expect_stop("<module>", 4)
    notebook.look("stepped")
    panel.command("continue").click()
    expect(notebook.output(0)).to_contain_text("total 12")
    expect(panel.callstack).to_have_count(0)

    # After an interrupt breakpoints still hit.
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("sleeping now")
    notebook.command(1, "i", "i")
    expect(notebook.output(1)).to_contain_text("KeyboardInterrupt")
    notebook.run(0)
    panel.expect_stop("area", 2)
    notebook.look("after-interrupt")
    panel.command("continue").click()
    expect(panel.callstack).to_have_count(0)


def test_variables_are_copied_and_rendered(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("variables", FRAME, "type(table).__name__ + ' copied'")
    panel = Panel(notebook)
    panel.switch_on()
    panel.break_at(0, 4)
    notebook.run(0)
    panel.expect_stop("show", 4)
    panel.show("Locals")
    panel.expect_variable("table", "Table")
    panel.menu("table", "render-mime-variable")
    expect(panel.page.locator(".jp-VariableRendererPanel td")).to_have_text("rich")
    notebook.look("rendered")
    panel.menu("table", "copy-to-globals")
    panel.show("Globals")
    panel.expect_variable("table", "Table")
    panel.command("continue").click()
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("Table copied")


def test_exceptions_and_the_call_of_breakpoint_stop_a_cell(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("exceptions", "value = 7\n1 / 0", BREAKPOINT)
    panel = Panel(notebook)
    panel.switch_on()
    panel.choose_exceptions("raised")
    notebook.run(0)
    panel.expect_stop("<module>", 2)
    notebook.look("raised")
    panel.command("continue").click()
    expect(notebook.output(0)).to_contain_text("ZeroDivisionError")
    panel.choose_exceptions("raised")

    notebook.run(1)
    panel.expect_stop("inner", 3)
    notebook.look("breakpoint")
    panel.command("continue").click()
    expect(notebook.output(1)).to_contain_text("went on")
