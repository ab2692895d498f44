"""Displays: publish, update, clear, formats, order among streams, hooks, and plots."""

from __future__ import annotations

import base64

from harness import Client

DISPLAY = "from IPython.display import display, HTML, update_display, clear_output\n"


def test_display_publishes_a_bundle(client: Client) -> None:
    data = client.run(DISPLAY + "display(HTML('<b>b</b>'))").one("display_data").content
    assert data["data"]["text/html"] == "<b>b</b>"
    assert "text/plain" in data["data"]
    assert data["metadata"] == {}
    assert data["transient"] == {}


def test_display_of_raw_data_and_metadata(client: Client) -> None:
    code = "display({'a/b': [1, None]}, raw=True, metadata={'a/b': {'c': 1}})"
    content = client.run(DISPLAY + code).one("display_data").content
    assert content["data"] == {"a/b": [1, None]}
    assert content["metadata"] == {"a/b": {"c": 1}}


def test_a_display_id_is_transient(client: Client) -> None:
    code = "handle = display(1, display_id='the-id')"
    content = client.run(DISPLAY + code).one("display_data").content
    assert content["transient"] == {"display_id": "the-id"}


def test_a_display_is_updated_from_another_cell(client: Client) -> None:
    client.run(DISPLAY + "handle = display(1, display_id=True)")
    content = client.run("handle.update(2)").one("update_display_data").content
    shown = client.run("handle.display_id").result
    assert content["transient"]["display_id"] == eval(shown or "")
    assert content["data"]["text/plain"] == "2"


def test_clear_output_says_whether_to_wait(client: Client) -> None:
    cell = client.run(DISPLAY + "clear_output()\nclear_output(wait=True)")
    assert [m.content for m in cell.of_type("clear_output")] == [{"wait": False}, {"wait": True}]


def test_output_keeps_the_order_of_the_calls(client: Client) -> None:
    code = (
        "import sys\n"
        "for n in range(3):\n"
        "    print('out', n); print('err', n, file=sys.stderr); display(n)\n"
        "clear_output()\n"
        "'result'"
    )
    cell = client.run(DISPLAY + code)
    assert cell.types == ["stream", "stream", "display_data"] * 3 + [
        "clear_output",
        "execute_result",
    ]
    assert [m.content["text"] for m in cell.of_type("stream")] == [
        f"{name} {n}\n" for n in range(3) for name in ("out", "err")
    ]


def test_text_before_an_error_comes_before_it(client: Client) -> None:
    cell = client.run("print('first', end='')\n1/0", expect="error")
    assert cell.types == ["stream", "error"]


def test_formats_of_a_result(client: Client) -> None:
    code = (
        "class Rich:\n"
        "    def _repr_html_(self): return '<i>i</i>', {'isolated': True}\n"
        "    def _repr_json_(self): return {'a': 1}\n"
        "    def _repr_png_(self): return b'\\x89PNG'\n"
        "Rich()"
    )
    content = client.run(code).one("execute_result").content
    assert content["data"]["text/html"] == "<i>i</i>"
    assert content["data"]["application/json"] == {"a": 1}
    assert base64.b64decode(content["data"]["image/png"]) == b"\x89PNG"
    assert content["metadata"]["text/html"] == {"isolated": True}


def test_mime_bundles_of_an_object(client: Client) -> None:
    code = (
        "class Bundle:\n"
        "    def _repr_mimebundle_(self, include, exclude):\n"
        "        return {'a/b': 'c'}, {'a/b': {'d': 1}}\n"
        "Bundle()"
    )
    content = client.run(code).one("execute_result").content
    assert content["data"]["a/b"] == "c"
    assert content["metadata"]["a/b"] == {"d": 1}


def test_a_formatter_that_raises_is_shown_and_survived(client: Client) -> None:
    code = "class Bad:\n def _repr_html_(self): raise ValueError('in html')\nBad()"
    cell = client.execute(code).wait()
    assert "in html" in str([m.content for m in cell.published])
    assert client.run("1").result == "1"


def test_values_json_has_no_word_for_are_carried(client: Client) -> None:
    code = (
        "import datetime, decimal\n"
        "display({'a/b': {'when': datetime.datetime(2020, 1, 2, 3, 4, 5), 't': (1, 2),"
        " 'bytes': b'xyz', 'none': None}}, raw=True)"
    )
    value = client.run(DISPLAY + code).one("display_data").content["data"]["a/b"]
    assert value["when"].startswith("2020-01-02T03:04:05")
    assert value["t"] == [1, 2]
    assert value["none"] is None


def test_what_cannot_be_encoded_is_an_error_of_the_cell(client: Client) -> None:
    cell = client.execute(DISPLAY + "display({'a/b': object()}, raw=True)").wait()
    assert cell.status == "error"
    assert client.run("1").result == "1"


def test_libraries_may_hook_into_displays(client: Client) -> None:
    code = (
        "publisher = get_ipython().display_pub\n"
        "seen = []\n"
        "def hook(message):\n"
        "    if message['msg_type'] != 'display_data': return message\n"
        "    seen.append(message['content']['data']['text/plain'])\n"
        "publisher.register_hook(hook)\n"
        "display('swallowed')\n"
        "publisher.unregister_hook(hook)\n"
        "display('shown')\n"
        "seen"
    )
    cell = client.run(DISPLAY + code)
    assert [m.content["data"]["text/plain"] for m in cell.of_type("display_data")] == ["'shown'"]
    assert cell.result == "[\"'swallowed'\"]"


def test_the_publisher_may_be_called_directly(client: Client) -> None:
    call = "get_ipython().display_pub.publish"
    client.run(f"{call}({{'text/plain': 'x'}}, transient={{'display_id': 'direct'}})")
    cell = client.run(f"{call}({{'a/b': 'y'}}, transient={{'display_id': 'direct'}}, update=True)")
    content = cell.one("update_display_data").content
    assert content["data"] == {"a/b": "y"}
    assert content["transient"] == {"display_id": "direct"}


def test_capture_catches_all(client: Client) -> None:
    code = "%%capture caught\nprint('hidden')\ndisplay(1)"
    assert client.run(code).types == []
    assert client.run("caught.stdout").result == repr("hidden\n")
    assert client.run("caught.show()").types == ["stream", "display_data"]


def test_plots_show_without_a_magic(client: Client) -> None:
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    cell = client.run(code)
    assert cell.types == ["display_data"]
    png = base64.b64decode(cell.one("display_data").content["data"]["image/png"])
    assert png.startswith(b"\x89PNG")


def test_the_inline_magic_shows_plots_once(client: Client) -> None:
    client.run("%matplotlib inline")
    cell = client.run("import matplotlib.pyplot as plt\nplt.plot([1]); plt.show(); print('after')")
    assert cell.types == ["display_data", "stream"]
    assert client.run("plt.get_fignums()").result == "[]"


def test_a_plot_made_before_an_error_is_still_shown(client: Client) -> None:
    client.run("%matplotlib inline")
    cell = client.run("import matplotlib.pyplot as plt\nplt.plot([1])\n1/0", expect="error")
    assert cell.of_type("error")
    client.run("plt.close('all')")
    assert client.run("1").result == "1"


def test_data_frames_are_tables(client: Client) -> None:
    cell = client.run("import pandas\npandas.DataFrame({'a': [1]})")
    assert "<table" in cell.one("execute_result").content["data"]["text/html"]
