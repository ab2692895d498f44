"""What is done with IPython itself, and with what clients run unseen: VS Code's probes."""

from __future__ import annotations

from .notebook import Notebook
from .registry import library


@library("VS Code", shows="its version probe, the hooked `run_cell`, its variables, a cell's name")
def vscode(notebook: Notebook) -> None:
    notebook.run("import ipykernel\nprint(ipykernel.__version__)", silent=True)
    notebook.run("__vsc_ipynb_file__ = '/somewhere/a.ipynb'", store_history=False)
    notebook.run(
        "def __hook():\n"
        "    shell = get_ipython()\n"
        "    original = shell.run_cell\n"
        "    def run_cell(*args, **kwargs):\n"
        "        print('before', len(args), args[1:], sorted(kwargs))\n"
        "        return original(*args, **kwargs)\n"
        "    shell.run_cell = run_cell\n"
        "__hook()\n"
        "del __hook",
        silent=True,
    )
    notebook.run("await __import__('asyncio').sleep(0)\n'hooked'")
    notebook.run("%config InlineBackend.figure_formats = {'png', 'retina'}", silent=True)
    notebook.run(
        "import json as _json\n"
        "print(_json.dumps([n for n in get_ipython().run_line_magic('who_ls', '') if n[0] != '_']))",
        silent=True,
    )
    notebook.run("%colors NoColor\n1/0", fails=True)
    notebook.run("import inspect; inspect.currentframe().f_code.co_filename.rpartition('/')[2]")
    notebook.run("", user_expressions={"_": "1 + 1", "bad": "1/0"})


@library(
    "IPython %notebook", shows="`%notebook` writes outputs, errors and displays of the session"
)
def ipython_notebook(notebook: Notebook) -> None:
    notebook.run("print('text')")
    notebook.run("1 + 1")
    notebook.run("from IPython.display import display, HTML\ndisplay(HTML('<b>b</b>'))")
    notebook.run("1/0", fails=True)
    notebook.run("%notebook saved.ipynb")
    notebook.run("print(open('saved.ipynb').read())")


@library(
    "IPython magics",
    shows="`%timeit`, `%%capture`, `%run`, `%history`, `%%writefile`, `!`, `?`, `%who`, ...",
)
def ipython_magics(notebook: Notebook) -> None:
    notebook.run("%%writefile script.py\nprint('in a script')\nvalue = 8")
    notebook.run("%run script.py\nvalue")
    notebook.run("%%capture caught\nprint('hidden')\ndisplay('also')\n'result'")
    notebook.run("caught.show(); caught.stdout")
    notebook.run("!echo from the shell\n!!echo listed")
    notebook.run("files = !ls script.py\nfiles")
    notebook.run("%%bash\necho out; echo err >&2")
    notebook.run("%%bash\nexit 3", fails=True)
    notebook.run("%%script python3 -c 'import sys; print(sys.stdin.read())'\ntyped")
    notebook.run("len?")
    notebook.run("print??")
    notebook.run("%history -n 1-3")
    notebook.run("%recall 2")
    notebook.run("%load script.py")
    notebook.run("%pinfo value")
    notebook.run("%who\n%whos")
    notebook.run("%env HOME_OF_TESTS=1")
    notebook.run("sorted(get_ipython().magics_manager.lsmagic()['line'])")
    notebook.run("%no_such_magic", fails=True)
    notebook.run("%xmode Minimal\n1/0", fails=True)
    notebook.run("%xmode Verbose\ndef f(x): return 1/x\nf(0)", fails=True)
    notebook.run("%xmode Context\n%precision 2\n3.14159")
    notebook.run("%%html\n<b>b</b>")
    notebook.run("%%javascript\n1")
    notebook.run("%%latex\n$x$")
    notebook.run("%%markdown\n# m")
    notebook.run("%%svg\n<svg/>")
    notebook.run("%%timeit -n 1 -r 1 -q\n1")
    notebook.run("%%prun -q\n1")
    notebook.run("%pdoc len")
    notebook.run("raise SystemExit(3)", fails=True)
    notebook.run("get_ipython().set_next_input('next')")
    notebook.run("%autosave 60\n%config")
    notebook.run("%clear")
    notebook.run("%less script.py")
    notebook.run("%edit script.py")
    notebook.run("quit_later = exit; quit_later")
    notebook.run(
        "import sys; print('e', file=sys.stderr); import warnings; warnings.warn('careful')"
    )
    notebook.run("def broken(:", fails=True)
    notebook.run("%%nothing\nx", fails=True)
    notebook.run("%gui asyncio")
    notebook.run("%autoawait")
    notebook.run("raise ExceptionGroup('g', [ValueError(1)])", fails=True)
    notebook.run("raise KeyError('k') from ValueError('v')", fails=True)


@library(
    "IPython display",
    shows="every display class, mime bundles, metadata, handles, formatters, `clear_output`",
)
def ipython_display(notebook: Notebook) -> None:
    notebook.run("from IPython.display import *\nHTML('<b>b</b>')")
    notebook.run("Image(data=b'\\x89PNG\\r\\n\\x1a\\n0', format='png', width=3, alt='a')")
    notebook.run("Image(data=b'GIF89a', format='gif')")
    notebook.run("SVG('<svg/>'), Markdown('m'), Latex('$x$')")
    notebook.run("display(SVG('<svg/>'), Markdown('m'), Latex('$x$'), Javascript('1'), Math('x'))")
    notebook.run("display(JSON({'a': [1]}, expanded=True)); GeoJSON({'type': 'Point'})")
    notebook.run("Audio(data=[0, 1, 0], rate=8000, normalize=False)")
    notebook.run("IFrame('http://a.invalid', 3, 4)")
    notebook.run("YouTubeVideo('id')")
    notebook.run("open('f.txt', 'w').write('f'); FileLink('f.txt')")
    notebook.run("FileLinks('.', recursive=False).__class__")
    notebook.run("Code('x = 1', language='python')")
    notebook.run("Pretty('p')")
    notebook.run("ProgressBar(3)")
    notebook.run("h = display('one', display_id=True); h.update('two')")
    notebook.run("update_display('three', display_id='unknown')")
    notebook.run(
        "display({'text/plain': 'a', 'application/x.y+json': {'k': 1}}, raw=True, metadata={'m': 1})"
    )
    notebook.run("print('x'); clear_output(wait=True); print('y'); clear_output()")
    notebook.run(
        "class Bundle:\n"
        "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'text/plain': 'p', 'text/html': 'h'}, {'text/html': {'isolated': True}}\n"
        "Bundle()"
    )
    notebook.run("class Own:\n    def _ipython_display_(self): print('own')\nOwn()")
    notebook.run(
        "f = get_ipython().display_formatter.formatters['text/html']\n"
        "f.for_type(int, lambda n: f'<i>{n}</i>')\n3"
    )
    notebook.run("display(1, include=['text/plain']); display(2, exclude=['text/html'])")
    notebook.run("None")
    notebook.run("_, __, In[1][:4], Out.keys().__class__")


@library("pdb and input", shows="`input`, `getpass`, `%debug`, `pdb.set_trace`")
def pdb(notebook: Notebook) -> None:
    cell = notebook.start("input('Name? ') + '!'", allow_stdin=True)
    cell.answer("Ada")
    cell.wait()
    cell = notebook.start("import getpass; getpass.getpass('Secret? ')", allow_stdin=True)
    cell.answer("word")
    cell.wait()
    notebook.run("1/0", fails=True)
    cell = notebook.start("%debug", allow_stdin=True)
    cell.answer("p 1 + 1", 1)
    cell.answer("q", 2)
    cell.wait()
    cell = notebook.start("import pdb; pdb.set_trace()", allow_stdin=True)
    cell.answer("q", 1)
    cell.wait()
    notebook.run("input('no')", fails=True)
