"""What is a header of a request, and what the server put beside."""

from __future__ import annotations

from motia_actors.web.requests import read_headers


def test_only_what_the_client_sent_is_a_header() -> None:
    environ = {
        "REQUEST_METHOD": "GET",
        "wsgi.version": (1, 0),
        "some.server": "its own",
        "HTTP_HOST": "example.org",
        "HTTP_X_SHOE_SIZE": "43",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "",
    }

    assert read_headers(environ) == {
        "host": "example.org",
        "x-shoe-size": "43",
        "content-type": "text/plain",
    }


def test_a_header_may_be_called_as_a_key_of_the_environment() -> None:
    environ = {"HTTP_REQUEST_METHOD": "a", "HTTP_PATH_INFO": "b", "HTTP_": "c", "PATH_INFO": "/"}

    assert read_headers(environ) == {"request-method": "a", "path-info": "b"}
