"""The same answers from FastAPI: a greeting, and a body that pydantic checks."""

from __future__ import annotations

from typing import Annotated

import fastapi
import pydantic

GREETING = {"message": "hello"}


class User(pydantic.BaseModel):
    """What the step's `bodySchema` allows, as users of FastAPI write it."""

    model_config = pydantic.ConfigDict(extra="forbid")
    name: Annotated[str, pydantic.Field(min_length=1)]
    age: Annotated[int, pydantic.Field(ge=0)]


async def _hello() -> dict[str, str]:
    return GREETING


async def _users(user: User) -> dict[str, str]:
    return {"name": user.name}


def _fastapi() -> fastapi.FastAPI:
    app = fastapi.FastAPI()
    app.add_api_route("/hello", _hello, methods=["GET"])
    app.add_api_route("/users", _users, methods=["POST"])
    return app


app = _fastapi()
