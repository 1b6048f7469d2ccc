from __future__ import annotations

import gzip
import io
import zlib
from typing import Any

import falcon
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.web.bodies import Body, read_body
from motia_actors.web.limits import Limits

FORM = "application/x-www-form-urlencoded"
LIMITS = Limits(body_bytes_max=1000, fields_max=10, parts_max=3)


def environ_of(data: bytes, content_type: str | None = None, **more: str) -> dict[str, Any]:
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(data), "CONTENT_LENGTH": str(len(data))}
    if content_type is not None:
        environ["CONTENT_TYPE"] = content_type
    return environ | more


def read(data: bytes, content_type: str | None = None, **more: str) -> Body:
    return read_body(environ_of(data, content_type, **more), LIMITS)


def status_of(data: bytes, content_type: str | None = None, **more: str) -> str:
    with pytest.raises(falcon.HTTPError) as raised:
        read(data, content_type, **more)
    return str(raised.value.status)[:3]


def multipart(*parts: tuple[str, bytes]) -> bytes:
    joined = b"".join(
        b"--B\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), data)
        for head, data in parts
    )
    return joined + b"--B--\r\n"


@pytest.mark.parametrize(
    ("data", "content_type", "body", "raw"),
    [
        (b'{"a": 1.0}', "application/json", {"a": 1}, '{"a": 1.0}'),
        (b"[1,2]", "application/json; charset=utf-8", [1, 2], "[1,2]"),
        (b'{"a":1}', "Application/vnd.x+JSON", {"a": 1}, '{"a":1}'),
        (b"\xef\xbb\xbf{}", "application/json", {}, "{}"),
        ('{"a":"\u20ac"}'.encode("utf-16"), "application/json; charset=utf-16",
         {"a": "\u20ac"}, '{"a":"\u20ac"}'),
        (b"plain body", "text/plain", "plain body", "plain body"),
        (b"\xe9", "text/plain; charset=iso-8859-1", "\u00e9", "\u00e9"),
        (b"\xff", "text/plain", "\ufffd", "\ufffd"),
        (b"a=1&b[c]=2&a=3", FORM, {"a": ["1", "3"], "b": {"c": "2"}}, "a=1&b[c]=2&a=3"),
        (b"<a/>", "application/xml", {}, "<a/>"),
        (b"<a/>", "text/html", {}, "<a/>"),
        (b"rawbytes", "application/octet-stream", {}, b"rawbytes"),
        (b"x", None, {}, b"x"),
        (b"x", "nonsense", {}, b"x"),
        (b"", "application/json", {}, ""),
        (b"", None, {}, ""),
    ],
)  # fmt: skip
def test_a_body_is_read_by_its_content_type(
    data: bytes, content_type: str | None, body: object, raw: object
) -> None:
    assert read(data, content_type) == (body, raw)


@pytest.mark.parametrize(
    "data",
    [b'"str"', b"1", b"null", b"{bad json", b"   ", b"{}{}", b'{"a":NaN}', b'{"a":1e999}', b"\xff",
     b'{"a":"\xff"}', b'{"a":"\\ud800"}', b"[" * 999],
)  # fmt: skip
def test_bad_json_is_a_400(data: bytes) -> None:
    assert status_of(data, "application/json") == "400"


def test_json_that_is_nested_deep_is_a_400() -> None:
    limits = Limits(body_bytes_max=10**6)
    with pytest.raises(falcon.HTTPBadRequest):
        read_body(environ_of(b"[" * 100_000 + b"]" * 100_000, "application/json"), limits)


@pytest.mark.parametrize("charset", ["x", "punycode", "hex", "rot13", "idna", ""])
@pytest.mark.parametrize("media_type", ["application/json", "text/plain", FORM])
def test_an_unknown_charset_is_a_415(media_type: str, charset: str) -> None:
    assert status_of(b"{}", f"{media_type}; charset={charset}") == "415"


def test_a_body_may_have_as_many_bytes_as_the_limit() -> None:
    assert read(b"x" * 1000, "text/plain")[1] == "x" * 1000
    assert status_of(b"x" * 1001, "text/plain") == "413"


@pytest.mark.parametrize("length", ["1001", "9" * 5000, "0" * 30 + "1001"])
def test_a_declared_length_over_the_limit_is_refused_unread(length: str) -> None:
    environ = environ_of(b"x" * 2000, CONTENT_LENGTH=length)

    with pytest.raises(falcon.HTTPContentTooLarge):
        read_body(environ, LIMITS)

    assert environ["wsgi.input"].tell() == 0


@pytest.mark.parametrize("length", ["-1", "+1", "1.0", "0x1", "a", " 1", "\u0661"])
def test_a_malformed_length_is_a_400(length: str) -> None:
    assert status_of(b"x", CONTENT_LENGTH=length) == "400"


def test_a_body_shorter_than_its_length_is_a_400() -> None:
    assert status_of(b"{}", "application/json", CONTENT_LENGTH="3") == "400"


def test_a_chunked_body_is_read_up_to_the_limit() -> None:
    chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}

    assert read(b"x" * 1000, "text/plain", **chunked)[0] == "x" * 1000
    assert status_of(b"x" * 1001, "text/plain", **chunked) == "413"


def test_a_body_that_comes_in_pieces_is_put_together() -> None:
    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 3))

    environ = environ_of(b"abcdefgh", "text/plain")

    assert read_body(environ | {"wsgi.input": Dribble(b"abcdefgh")}, LIMITS)[0] == "abcdefgh"


def test_a_connection_that_breaks_off_is_a_400() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError

    with pytest.raises(falcon.HTTPBadRequest):
        read_body(environ_of(b"x") | {"wsgi.input": Broken()}, LIMITS)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "deflate", "identity"])
def test_a_compressed_body_is_inflated(coding: str) -> None:
    data = b'{"a":1}'
    compressed = {"deflate": zlib.compress(data), "identity": data}
    sent = compressed.get(coding, gzip.compress(data))

    assert read(sent, "application/json", HTTP_CONTENT_ENCODING=coding)[0] == {"a": 1}


def test_several_gzip_members_are_one_body_up_to_a_limit() -> None:
    member = gzip.compress(b"x")

    assert read(member * 8, "text/plain", HTTP_CONTENT_ENCODING="gzip")[0] == "x" * 8
    assert status_of(member * 9, "text/plain", HTTP_CONTENT_ENCODING="gzip") == "400"


@pytest.mark.parametrize(
    ("data", "coding", "status"),
    [
        (gzip.compress(b"x" * 1001, mtime=0), "gzip", "413"),
        (zlib.compress(b"x" * 1001), "deflate", "413"),
        (gzip.compress(b"x" * 600, mtime=0) * 2, "gzip", "413"),
        (gzip.compress(b"x" * 99, mtime=0)[:-4], "gzip", "400"),
        (b"no gzip", "gzip", "400"),
        (zlib.compress(b"x") + b"more", "deflate", "400"),
        (b"x", "br", "415"),
        (b"x", "gzip, gzip", "415"),
    ],
)
def test_a_bad_or_oversized_compressed_body_is_refused(
    data: bytes, coding: str, status: str
) -> None:
    assert status_of(data, "text/plain", HTTP_CONTENT_ENCODING=coding) == status


def test_a_form_may_have_as_many_fields_as_the_limit() -> None:
    assert read(b"a=1&" * 9 + b"a=1", FORM)[0] == {"a": ["1"] * 10}
    assert status_of(b"a=1&" * 10 + b"a=1", FORM) == "413"


def test_a_multipart_body_has_text_fields_and_files() -> None:
    data = multipart(
        ('name="a"', b"1"),
        ('name="f"; filename="x.txt"\r\nContent-Type: text/x', b"\0\xff"),
        ('name="a"', "\u20ac".encode()),
    )

    body, raw = read(data, "multipart/form-data; boundary=B")

    file = {
        "name": "f",
        "filename": "x.txt",
        "contentType": "text/x",
        "size": 2,
        "data": b"\0\xff",
        "path": None,
    }
    assert (body, raw) == ({"a": ["1", "\u20ac"], "f": file}, "")


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (multipart(('name="a"', b"1")), "multipart/form-data", "400"),
        (b"nothing", "multipart/form-data; boundary=B", "400"),
        (multipart(('name="a"', b"1"))[:-9], "multipart/form-data; boundary=B", "400"),
        (multipart(("x=1", b"1")), "multipart/form-data; boundary=B", "400"),
        (multipart(*[('name="a"', b"1")] * 4), "multipart/form-data; boundary=B", "413"),
        (multipart(('name="a"\r\nContent-Type: text/plain; charset=hex', b"1")),
         "multipart/form-data; boundary=B", "415"),
        (b"--B\r\nContent-Disposition: \xff\r\n\r\n\r\n--B--", "multipart/form-data; boundary=B",
         "400"),
    ],
)  # fmt: skip
def test_a_bad_multipart_body_is_refused(data: bytes, content_type: str, status: str) -> None:
    assert status_of(data, content_type) == status


CONTENT_TYPES = st.sampled_from(
    ["application/json", "a/b+json", FORM, "text/plain", "multipart/form-data; boundary=B",
     "text/plain; charset=utf-16", "application/json;charset=utf-16le", ";", "", "a/b; charset"]
)  # fmt: skip
PIECES = st.sampled_from(
    [b"--B", b"\r\n", b"--", b"Content-Disposition: form-data; name=", b'"a"', b"; filename*=x''%f",
     b"Content-Type: ", b"a[", b"]", b"&", b"=", b"%", b"{", b'"', b"\\u", b"\xff", b"\0", b": "]
)  # fmt: skip


@given(
    st.one_of(st.binary(), st.lists(PIECES).map(b"".join)),
    st.one_of(CONTENT_TYPES, st.text(alphabet=st.characters(max_codepoint=255))),
    st.sampled_from(["", "gzip", "deflate", "identity"]),
)
def test_any_bytes_are_read_or_refused(data: bytes, content_type: str, coding: str) -> None:
    try:
        read(data, content_type, HTTP_CONTENT_ENCODING=coding)
    except falcon.HTTPError as error:
        status = str(error.status)
    else:
        status = "200"
    assert status[:3] in ("200", "400", "413", "415")
