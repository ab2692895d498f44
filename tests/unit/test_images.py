"""Pictures and plots: the base64 text is the one that IPython makes, whoever asks for it."""

from __future__ import annotations

import binascii
import os
from typing import Any

import pytest
from ipyrust import images
from ipyrust._core import base64_text, json_decode, json_encode
from IPython.core import display, pylabtools

MODULES = [display, pylabtools]


@pytest.fixture(autouse=True)
def quickened(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in MODULES:
        monkeypatch.setattr(module, "b2a_base64", binascii.b2a_base64)
    images.quicken()


def plain(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


@pytest.mark.parametrize("length", [*range(50), 3 * 1024 - 1, 3 * 1024, 3 * 1024 + 1, 5_000_000])
def test_the_text_is_that_of_binascii(length: int) -> None:
    data = os.urandom(length)
    assert base64_text(data) == plain(data)


@pytest.mark.parametrize("wrong", ["text", None, 1, bytearray(b"a")])
def test_what_is_not_bytes_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError):
        base64_text(wrong)


def test_the_modules_of_this_ipython_are_known() -> None:
    assert [module.b2a_base64 for module in MODULES] == [images._b2a_base64] * 2


def test_an_image_is_what_it_was() -> None:
    data = b"\x89PNG" + os.urandom(1000)
    image = display.Image(data=data, format="png", width=7, metadata={"a": 1})
    bundle, metadata = image._repr_mimebundle_()
    assert bundle == {"image/png": plain(data)}
    assert type(bundle["image/png"]) is str
    assert metadata == {"image/png": {"a": 1, "width": 7}}


def test_a_video_is_what_it_was() -> None:
    data = os.urandom(1000)
    video = display.Video(data=data, embed=True, mimetype="video/mp4")
    assert f"data:video/mp4;base64,{plain(data)}" in video._repr_html_()


def test_an_image_without_its_file_says_so() -> None:
    image = display.Image(data=b"", format="png")
    image.data = "no-such-file.png"
    with pytest.raises(FileNotFoundError, match="no-such-file"):
        image._repr_mimebundle_()


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_bytes_are_left_to_binascii(kind: Any) -> None:
    assert images._b2a_base64(kind(b"abcd"), newline=False) == b"YWJjZA=="


def test_a_line_is_left_to_binascii() -> None:
    assert images._b2a_base64(b"abcd") == b"YWJjZA==\n"


def test_any_encoding_decodes_as_bytes_do() -> None:
    encoded = images._b2a_base64(b"abcd", newline=False)
    assert encoded.decode() == "YWJjZA=="
    assert encoded.decode("utf-16-le") == b"YWJjZA==".decode("utf-16-le")
    with pytest.raises(LookupError):
        encoded.decode("no-such-encoding")


def test_what_somebody_else_has_put_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def theirs(data: bytes, *, newline: bool = True) -> bytes:
        return b"theirs"

    monkeypatch.setattr(display, "b2a_base64", theirs)
    images.quicken()
    assert display.Image(data=b"x", format="png")._data_and_metadata() == "theirs"


@pytest.mark.parametrize("text", ['"', "\\", "\n", "\x00", "é", "€", "😀", "\x7f"])
@pytest.mark.parametrize("place", [*range(16380, 16390), 32768, 5_000_000])
def test_long_strings_survive_being_encoded_in_parts(text: str, place: int) -> None:
    value = {"a": "x" * place + text + "y" * 20_000, "b": text}
    assert json_decode(json_encode(value)) == value


@pytest.mark.parametrize("length", [0, 1, 2, 3, 1025, 5_000_001])
def test_bytes_in_a_message_are_base64(length: int) -> None:
    data = os.urandom(length)
    assert json_decode(json_encode([data, "after"])) == [plain(data), "after"]
