"""What is done with each library: cells as its documentation has them, and what a person does.

A function is one library's notebook; `shows` says for a reader of the table what was tried.
"""

from __future__ import annotations

from .notebook import Notebook
from .registry import library


@library(
    "tqdm", "tqdm", "ipywidgets", shows="`tqdm.auto`, `trange`, nested bars, an interrupted bar"
)
def tqdm(notebook: Notebook) -> None:
    notebook.run("from tqdm.auto import tqdm, trange\ntqdm.__module__")
    notebook.run("for i in tqdm(range(3), desc='outer', mininterval=1000): pass")
    notebook.run(
        "for i in trange(2, desc='a', mininterval=1000):\n"
        "    for j in trange(2, desc='b', leave=False, mininterval=1000): pass"
    )
    notebook.run("for i in tqdm([1, 2], mininterval=1000): 1 / 0", fails=True)
    notebook.run("from tqdm import tqdm_notebook", store_history=False)
    notebook.run("tqdm.write('said')\ntqdm.pandas()")


@library("tqdm without ipywidgets", "tqdm", shows="`tqdm.auto` where no widgets are installed")
def tqdm_alone(notebook: Notebook) -> None:
    notebook.run("import sys; sys.modules['ipywidgets'] = None")
    notebook.run("from tqdm.autonotebook import tqdm\ntqdm.__module__")
    notebook.run("for i in tqdm(range(3), mininterval=1000, ncols=60): pass")


@library(
    "plotly", "plotly", "anywidget", shows="the chosen renderer, a figure, a FigureWidget's update"
)
def plotly(notebook: Notebook) -> None:
    notebook.run("import plotly.io as pio\npio.renderers.default")
    notebook.run("import plotly.graph_objects as go\ngo.Figure(go.Scatter(x=[1, 2], y=[3, 4]))")
    notebook.run("go.Figure(go.Bar(y=[3, 4])).show()")
    notebook.run("widget = go.FigureWidget(go.Scatter(y=[3, 4]))\nwidget")
    notebook.run("widget.data[0].y = [5, 6]\nwidget.layout.title = 'new'")
    notebook.run("import plotly.express as px\npx.line(x=[1, 2], y=[1, 4]).show('json')")


@library("wandb", "wandb", shows="an offline run: notebook detection, logging, `finish`")
def wandb(notebook: Notebook) -> None:
    notebook.run(
        "import os\n"
        "os.environ.update(WANDB_MODE='offline', WANDB_SILENT='false', WANDB_NOTEBOOK_NAME='a.ipynb')\n"
        "import wandb\n"
        "from wandb.sdk.lib import ipython\n"
        "ipython.in_notebook(), ipython.in_jupyter()"
    )
    notebook.run("run = wandb.init(project='p', id='fixed', name='fixed', dir='.')\nrun")
    notebook.run("run.log({'loss': 0.5})\nrun.log({'loss': 0.25})")
    notebook.run("run.finish()")


@library(
    "ipywidgets",
    "ipywidgets",
    shows="sliders, `Output` (also from a callback), `interact`, buttons, `jslink`",
)
def ipywidgets(notebook: Notebook) -> None:
    notebook.run("import ipywidgets as w\nfrom IPython.display import display, clear_output")
    notebook.run(
        "slider = w.IntSlider(value=3, max=10)\n"
        "out = w.Output()\n"
        "@out.capture(clear_output=True)\n"
        "def show(change):\n"
        "    print('level', change['new'])\n"
        "    display({'text/plain': 'shown'}, raw=True)\n"
        "slider.observe(show, 'value')\n"
        "w.VBox([slider, out])"
    )
    slider = notebook.model("IntSliderModel")
    notebook.set(slider, value=5)
    notebook.set(slider, value=6)
    notebook.run("slider.value")
    notebook.run("with out:\n    print('captured')\n    display('object')\nprint('outside')")
    notebook.run("with out:\n    1/0")
    notebook.run("out.append_stdout('appended'); out.outputs")
    notebook.run("out.clear_output(); out.outputs")
    notebook.run("@w.interact(x=(0, 5), flag=True)\ndef f(x=2, flag=False):\n    return x, flag")
    notebook.set(notebook.model("IntSliderModel"), value=4)
    notebook.run("@w.interact_manual(x=3)\ndef g(x):\n    print('g', x)\n    1/0")
    notebook.send_custom(notebook.model("ButtonModel"), {"event": "click"})
    notebook.run("w.interactive_output(lambda a: print(a), {'a': w.Text('t')})")
    notebook.run(
        "import threading\n"
        "late = w.Output(); display(late)\n"
        "def work():\n"
        "    late.append_stdout('from a thread')\n"
        "t = threading.Thread(target=work); t.start(); t.join()\n"
        "late.outputs"
    )
    notebook.run("w.jslink((slider, 'value'), (w.FloatText(), 'value'))")
    notebook.run("slider.close()")
    notebook.tell(slider, {"method": "update", "state": {"value": 1}, "buffer_paths": []})
    notebook.run("w.Image(value=b'binary', format='png')")
    notebook.run("w.Widget.close_all()")
    notebook.request("comm_info_request", {"target_name": "jupyter.widget"})


@library(
    "ipywidgets states",
    "ipywidgets",
    shows="state requests as a reloaded page makes them, binary uploads",
)
def ipywidgets_state(notebook: Notebook) -> None:
    notebook.run("import ipywidgets as w\nupload = w.FileUpload()\nupload")
    notebook.tell(notebook.model("FileUploadModel"), {"method": "request_state"})
    notebook.run("control = w.IntText(7)")
    control = "99999999-8888-4777-8666-555555555555"
    request = notebook.client.send(
        "shell",
        "comm_open",
        {"comm_id": control, "target_name": "jupyter.widget.control", "data": {}},
        metadata={"version": "1.0.0"},
    )
    notebook.requests.append(request)
    notebook.client.wait_idle(request)
    notebook.tell(control, {"method": "request_states"})
    value = {
        "name": "a.txt",
        "type": "text/plain",
        "size": 3,
        "last_modified": 0,
        "content": None,
    }
    request = notebook.client.send(
        "shell",
        "comm_msg",
        {
            "comm_id": notebook.model("FileUploadModel"),
            "data": {
                "method": "update",
                "state": {"value": [value]},
                "buffer_paths": [["value", 0, "content"]],
            },
        },
        buffers=[b"abc"],
    )
    notebook.requests.append(request)
    notebook.client.wait_idle(request)
    notebook.run("bytes(upload.value[0].content)")


@library("bokeh", "bokeh", shows="`output_notebook`, a plot, `push_notebook` through a handle")
def bokeh(notebook: Notebook) -> None:
    notebook.run("from bokeh.io import output_notebook, push_notebook, show\noutput_notebook()")
    notebook.run(
        "from bokeh.plotting import figure\n"
        "plot = figure(); line = plot.line([1, 2, 3], [1, 2, 3])\n"
        "handle = show(plot, notebook_handle=True)\nhandle"
    )
    notebook.run("line.glyph.line_color = 'red'\npush_notebook(handle=handle)")
    notebook.run("line.data_source.data['y'] = [9, 8, 7]\npush_notebook()")
    notebook.run("show(plot)")


@library(
    "panel",
    "panel",
    "ipywidgets_bokeh",
    shows="`extension`, a widget with a callback over its comm, an ipywidget inside",
)
def panel(notebook: Notebook) -> None:
    notebook.run("import panel as pn\npn.extension()")
    notebook.run(
        "slider = pn.widgets.IntSlider(start=0, end=9)\nshown = pn.bind(lambda v: v * 2, slider)\npn.Column(slider, shown)"
    )
    notebook.run("slider.value = 5")
    notebook.run("pn.pane.Markdown('# title')")
    notebook.run("pn.extension('ipywidgets')\nimport ipywidgets\npn.panel(ipywidgets.IntSlider(4))")
    notebook.run("pn.ipywidget(slider)")
    notebook.run("import io; save = io.StringIO(); slider.save(save); len(save.getvalue()) > 100")


@library(
    "ipympl",
    "ipympl",
    shows="`%matplotlib widget`: canvas, draw, a toolbar message, events, `close`",
)
def ipympl(notebook: Notebook) -> None:
    notebook.run("%matplotlib widget\nimport matplotlib.pyplot as plt\nplt.get_backend()")
    notebook.run("figure, axes = plt.subplots(); line, = axes.plot([1, 3, 2]); plt.show()")
    canvas = notebook.model("MPLCanvasModel")
    notebook.send_custom(canvas, {"type": "initialized"})
    notebook.send_custom(canvas, {"type": "set_device_pixel_ratio", "device_pixel_ratio": 1})
    notebook.send_custom(canvas, {"type": "refresh"})
    notebook.send_custom(canvas, {"type": "draw"})
    notebook.send_custom(canvas, {"type": "toolbar_button", "name": "zoom"})
    notebook.run(
        "seen = []\nfigure.canvas.mpl_connect('button_press_event', lambda e: seen.append(e.button))"
    )
    event = {"x": 200, "y": 200, "button": 0, "buttons": 1, "modifiers": [], "guiEvent": {}}
    notebook.send_custom(canvas, {"type": "button_press", **event})
    notebook.run("seen")
    notebook.run("line.set_ydata([3, 1, 2]); figure.canvas.draw_idle()")
    notebook.run("plt.close(figure)")


@library(
    "matplotlib-inline",
    "matplotlib",
    "matplotlib_inline",
    shows="`%matplotlib inline`, figures at the end of a cell, formats, `close_figures`, errors",
)
def matplotlib_inline(notebook: Notebook) -> None:
    notebook.run("import matplotlib, matplotlib.pyplot as plt\nmatplotlib.get_backend()")
    notebook.run("plt.plot([1, 3, 2]);")
    notebook.run("plt.plot([1, 3, 2])")
    notebook.run("print('before'); plt.figure(); plt.figure(); print('after')")
    notebook.run("matplotlib.rcParams['svg.hashsalt'] = 'the same'")
    notebook.run(
        "%matplotlib inline\n%config InlineBackend.figure_formats = ['svg']\nplt.hist([1, 1, 2]).__class__"
    )
    notebook.run(
        "%config InlineBackend.figure_formats = ['png']\n%config InlineBackend.print_figure_kwargs = {'bbox_inches': None}\nplt.plot([1]); plt.show(); print('shown')"
    )
    notebook.run("fig, ax = plt.subplots(); plt.close(fig); fig")
    notebook.run("plt.plot([1, 2], label=1 / 0)", fails=True)
    notebook.run("%config InlineBackend.close_figures = False\nfig, ax = plt.subplots()")
    notebook.run("ax.plot([1, 2]); len(plt.get_fignums())")
    notebook.run("%matplotlib --list")
    notebook.run("%matplotlib nonsense", fails=True)


@library("matplotlib animation", "matplotlib", shows="`to_jshtml`, an updated display handle")
def matplotlib_animation(notebook: Notebook) -> None:
    notebook.run(
        "import matplotlib.pyplot as plt\nfrom matplotlib.animation import FuncAnimation\n"
        "fig, ax = plt.subplots(); line, = ax.plot([0, 1], [0, 1])\n"
        "a = FuncAnimation(fig, lambda n: line.set_ydata([0, n]), frames=2)\n"
        "html = a.to_jshtml(); plt.close(fig); '<img' in html"
    )
    notebook.run(
        "from IPython.display import display, clear_output\n"
        "fig, ax = plt.subplots(); handle = display(fig, display_id='plot')\n"
        "ax.plot([1, 2]); handle.update(fig); plt.close(fig)\n"
        "clear_output(wait=True); print('end')"
    )


@library("rich", "rich", shows="`print`, tables, `%load_ext rich`, tracebacks, progress, `Live`")
def rich(notebook: Notebook) -> None:
    notebook.run("from rich import print as rprint\nrprint('[bold red]hot[/]', {'a': [1, 2]})")
    notebook.run("from rich.table import Table\nt = Table('a', 'b'); t.add_row('1', '2'); t")
    notebook.run(
        "from rich.console import Console\nc = Console(); c.print('x', style='green'); c.is_jupyter, c.width"
    )
    notebook.run("%load_ext rich\n{'a': 1}")
    notebook.run(
        "from rich.progress import track, Progress\n"
        "with Progress(auto_refresh=False) as p:\n"
        "    task = p.add_task('work', total=2)\n"
        "    p.advance(task, 2); p.refresh()"
    )
    notebook.run(
        "from rich.live import Live\nwith Live('one', auto_refresh=False) as live:\n    live.update('two', refresh=True)"
    )
    notebook.run("from rich.jupyter import print as jprint\njprint('direct')")
    notebook.run("from rich.traceback import install; install(width=80); 1/0", fails=True)


@library(
    "ipyparallel client",
    "ipyparallel",
    shows="an engine: rich output, streams, errors, `%px`, progress",
)
def ipyparallel(notebook: Notebook) -> None:
    # The engines are of ipykernel, wherever the client runs.
    python = f"python = {notebook.reference_python!r}"
    notebook.run(python, silent=True)
    notebook.run(
        "import ipyparallel as ipp\n"
        "cluster = ipp.Cluster(n=1, log_level=40)\n"
        "cluster.config.ControllerLauncher.controller_cmd = [python, '-m', 'ipyparallel.controller']\n"
        "cluster.config.EngineLauncher.engine_cmd = [python, '-m', 'ipyparallel.engine']\n"
        "client = cluster.start_and_connect_sync(activate=True)\n"
        "view = client[:]\nclient.ids",
    )
    notebook.run("view.map_sync(lambda x: x * 2, [1, 2, 3])")
    notebook.run("%px print('from an engine')")
    notebook.run("%px 1 + 1")
    notebook.run("%px from IPython.display import HTML, display; display(HTML('<b>rich</b>'))")
    notebook.run("view.apply_async(lambda: 1 / 0).get()", fails=True)
    notebook.run("%%px --local\nvalue = 3\nprint(value)")
    notebook.run("r = view.execute('print(5)'); r.get(); r.display_outputs()")
    notebook.run("client.shutdown(hub=True)\ncluster.stop_cluster_sync()\nclient.close()")


@library(
    "dask.distributed",
    "distributed",
    "ipywidgets",
    shows="cluster and client reprs, the cluster's widget, `compute`",
)
def dask(notebook: Notebook) -> None:
    notebook.run(
        "from dask.distributed import Client, LocalCluster, progress\n"
        "cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)\n"
        "client = Client(cluster)\nclient.submit(lambda: 41 + 1).result()"
    )
    notebook.run("type(cluster).__name__; cluster._widget().__class__.__name__")
    notebook.run("import dask\nd = dask.delayed(sum)([1, 2])\nd.compute()")
    notebook.run("d")
    notebook.run("f = client.submit(lambda: 3, pure=False); f.result(); print(f.status)")
    notebook.run("from dask.diagnostics import ProgressBar\nProgressBar.__name__")
    notebook.run("await client.submit(lambda: 5, pure=False)", fails=True)


@library("pandas", "pandas", shows="frames, styles, options, `plot`, errors")
def pandas(notebook: Notebook) -> None:
    notebook.run("import pandas as pd\ndf = pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})\ndf")
    notebook.run("df.style.highlight_max(subset=['a']).set_uuid('u')")
    notebook.run("display(df.a, df.describe()); df.info()")
    notebook.run("pd.options.display.max_rows = 2\npd.DataFrame({'n': range(9)})")
    notebook.run("pd.options.display.html.table_schema = True\ndf")
    notebook.run("df['missing']", fails=True)
    notebook.run("df.a.plot();")
    notebook.request("complete_request", {"code": "df['", "cursor_pos": 4})
    notebook.request("inspect_request", {"code": "df.head", "cursor_pos": 7, "detail_level": 0})


@library("polars", "polars", shows="frames, a lazy frame's plan, errors")
def polars(notebook: Notebook) -> None:
    notebook.run("import polars as pl\ndf = pl.DataFrame({'a': [1, 2], 'b': ['x', 'y']})\ndf")
    notebook.run("df.lazy().filter(pl.col('a') > 1)")
    notebook.run("df['a']")
    notebook.run("df.select('missing')", fails=True)
    notebook.run("df.style.__class__.__name__", fails=True)


@library("altair", "altair", shows="a chart's bundle, renderers, `JupyterChart` with a selection")
def altair(notebook: Notebook) -> None:
    notebook.run(
        "import altair as alt, pandas as pd\ndf = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})"
    )
    notebook.run("chart = alt.Chart(df).mark_point().encode(x='a', y='b')\nchart")
    notebook.run("alt.renderers.enable('mimetype')\nchart")
    notebook.run("alt.renderers.enable('jupyter')\nchart")
    notebook.run(
        "brush = alt.selection_interval(name='brush')\nj = alt.JupyterChart(chart.add_params(brush))\nj"
    )
    notebook.run("alt.Chart(df).mark_nothing()", fails=True)


@library("itables", "itables", shows="`init_notebook_mode`, a table, the widget")
def itables(notebook: Notebook) -> None:
    notebook.run("import pandas as pd, itables\nitables.init_notebook_mode(connected=True)")
    notebook.run("df = pd.DataFrame({'a': [1, 2]})\ndf")
    notebook.run("itables.show(df, caption='c')")
    notebook.run("from itables.widget import ITable\nITable(df)")


@library(
    "bqplot", "bqplot", shows="a figure with binary data, its update, a selection from the page"
)
def bqplot(notebook: Notebook) -> None:
    notebook.run("import bqplot, numpy as np\nfrom bqplot import pyplot as plt")
    notebook.run("f = plt.figure(); line = plt.plot(np.arange(3.0), np.arange(3.0)); plt.show()")
    notebook.run("line.y = np.array([3.0, 2.0, 1.0])")
    notebook.set(notebook.model("LinesModel"), selected=[1])
    notebook.run("line.selected")


@library(
    "anywidget", "anywidget", shows="a widget with its own front end, binary messages, `invoke`"
)
def anywidget(notebook: Notebook) -> None:
    notebook.run(
        "import anywidget, traitlets\n"
        "class Counter(anywidget.AnyWidget):\n"
        "    _esm = 'export default { render() {} }'\n"
        "    value = traitlets.Int(0).tag(sync=True)\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.on_msg(lambda widget, content, buffers: self.send(content, [bytes(b) for b in buffers]))\n"
        "counter = Counter()\ncounter"
    )
    counter = notebook.model("AnyModel")
    notebook.set(counter, value=4)
    notebook.run("counter.value")
    notebook.tell(counter, {"method": "custom", "content": {"echo": 1}}, [b"binary"])


@library(
    "trio and curio",
    "trio",
    "curio",
    shows="`%autoawait` of both: awaiting, a nursery, errors, and back",
)
def trio(notebook: Notebook) -> None:
    notebook.run("%autoawait trio\nimport trio")
    notebook.run("await trio.sleep(0.01)\nprint('slept')\n3")
    notebook.run(
        "async with trio.open_nursery() as nursery:\n"
        "    nursery.start_soon(trio.sleep, 0.01)\n"
        "print('both')"
    )
    notebook.run("await trio.sleep(0)\n1/0", fails=True)
    notebook.run("%autoawait curio\nimport curio\n%autoawait")
    notebook.run("await curio.sleep(0.01)\n4")
    notebook.run("%autoawait asyncio\nimport asyncio")
    notebook.run("await asyncio.sleep(0.01)\n5")


@library("nest_asyncio", "nest_asyncio", shows="`asyncio.run` inside a cell, tasks that go on")
def nest_asyncio(notebook: Notebook) -> None:
    notebook.run("import asyncio\nasync def f(): return 7\nasyncio.run(f())", fails=True)
    notebook.run("import nest_asyncio; nest_asyncio.apply()\nasyncio.run(f())")
    notebook.run("asyncio.get_event_loop().run_until_complete(f())")
    notebook.run("await f()")
    cell = notebook.run(
        "async def later():\n    await asyncio.sleep(0.01); print('later')\nt = asyncio.ensure_future(later())"
    )
    notebook.run("await t")
    notebook.wait_text(cell, "later")


@library("seaborn", "seaborn", shows="a plot")
def seaborn(notebook: Notebook) -> None:
    notebook.run("import seaborn as sns, pandas as pd\nsns.set_theme()")
    notebook.run("sns.barplot(data=pd.DataFrame({'a': [1, 2], 'b': [3, 4]}), x='a', y='b');")
    notebook.run("import seaborn.objects as so\nso.Plot(x=[1, 2], y=[1, 2]).add(so.Line())")


@library(
    "holoviews",
    "holoviews",
    "bokeh",
    shows="`extension`, an element, a HoloMap, a DynamicMap's stream",
)
def holoviews(notebook: Notebook) -> None:
    notebook.run("import holoviews as hv\nhv.extension('bokeh')")
    notebook.run("hv.Curve([1, 2, 3])")
    notebook.run("hv.HoloMap({i: hv.Curve([i, 2]) for i in range(2)})")
    notebook.run("p = hv.streams.Pipe(data=[1, 2])\ndm = hv.DynamicMap(hv.Curve, streams=[p])\ndm")
    notebook.run("p.send([5, 6])")
    notebook.run("hv.extension('matplotlib')\nhv.Curve([1, 2])")


@library("sympy", "sympy", shows="`init_printing`, LaTeX results")
def sympy(notebook: Notebook) -> None:
    notebook.run(
        "import sympy; sympy.init_printing()\nx = sympy.symbols('x')\nsympy.integrate(x ** 2)"
    )
    notebook.run("sympy.Matrix([[1, x]])")
    notebook.run("[x, x ** 2]")


@library(
    "loguru and logging", "loguru", shows="handlers on stderr, `logging.basicConfig`, warnings"
)
def loguru(notebook: Notebook) -> None:
    notebook.run(
        "from loguru import logger\nimport sys\nlogger.remove(); logger.add(sys.stderr, format='{level} {message}')\nlogger.info('hello')"
    )
    notebook.run(
        "import logging\nlogging.warning('by default')\nlogging.basicConfig(level=10, force=True)\nlogging.info('now')"
    )
    notebook.run("logging.getLogger().handlers[0].stream is sys.stderr")
    notebook.run(
        "@logger.catch\ndef f(): 1/0\nlogger.remove(); logger.add(sys.stdout, format='{message}', backtrace=False, diagnose=False); f()"
    )


@library("ipytest", "ipytest", shows="pytest in a cell, a failing test")
def ipytest(notebook: Notebook) -> None:
    notebook.run("import ipytest\nipytest.autoconfig(addopts=['-q', '-p', 'no:cacheprovider'])")
    notebook.run("%%ipytest\ndef test_a(): assert 1 + 1 == 2")
    notebook.run("%%ipytest\ndef test_b(): assert 1 == 2")
