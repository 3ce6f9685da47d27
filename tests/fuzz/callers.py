"""Who the made-up requests come from, what every answer has, and times that can really be had."""

import datetime
import itertools
import json
import os
import re
import urllib.request

import schemathesis

BASE = os.environ["FUZZ_BASE"]
PASSWORD = "belfry-demo-2026"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_instant(text):
    """Whether a text is an instant at all."""
    try:
        return datetime.datetime.fromisoformat(text.upper().replace("Z", "+00:00")).tzinfo is not None
    except ValueError:
        return False


def is_length(minutes):
    """Whether a booking could last so long, or the house is left to say how long."""
    return minutes is None or (type(minutes) is int and 1 <= minutes <= 1440)


def ask(path, body=None):
    """What the house answers to a stranger."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def token(caller):
    """An access token of somebody of the demo."""
    body = {"email": f"{caller}@belfry.test", "password": PASSWORD}
    return ask("/api/v1/auth/login", body)["access_token"]


def free_slots():
    """Every expert's free slots of the next weeks, one expert after the other."""
    for expert in ask("/api/v1/experts?limit=100")["items"]:
        answer = ask(f"/api/v1/experts/{expert['id']}/slots?days=62")
        for day in answer["days"]:
            for slot in day["slots"][:2]:
                yield expert["id"], slot["starts_at"]


@schemathesis.serializer("message/rfc822")
def message(context, value):
    """A mail server's report, as it comes or as nonsense."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode()


SLOTS = itertools.cycle(list(free_slots()))


@schemathesis.hook
def map_body(context, body):
    """A wish for a time of no expert is refused before anything happens: most get one that is free."""
    if context.operation.path not in ("/api/v1/bookings", "/api/v1/holds") or not isinstance(body, dict):
        return body
    expert, starts_at = body.get("expert_id"), body.get("starts_at")
    # What was made up to be refused stays as it is.
    made_well = isinstance(expert, str) and UUID.fullmatch(expert) and isinstance(starts_at, str)
    if made_well and is_instant(starts_at) and is_length(body.get("minutes")):
        body["expert_id"], body["starts_at"] = next(SLOTS)
        body.pop("minutes", None)
    return body


@schemathesis.check
def every_answer_names_its_request_and_every_refusal_itself(context, response, case):
    assert response.headers.get("x-request-id"), "there is no x-request-id"
    assert response.headers.get("x-content-type-options") == ["nosniff"], "the type may be guessed"
    if response.status_code < 400 or case.method == "HEAD":
        return
    kind = response.headers.get("content-type", [""])[0]
    assert kind == "application/problem+json", f"a refusal of type {kind!r}"
    problem = json.loads(response.content)
    assert problem["status"] == response.status_code, "the problem tells another status"
    assert problem["type"].startswith("/problems/"), problem["type"]
    assert problem["title"] and problem["detail"], "the problem says nothing"
    # What a key was answered first is answered again word for word.
    if "idempotent-replayed" not in response.headers:
        assert problem["request_id"] == response.headers["x-request-id"][0], "another request's id"
    for error in problem.get("errors", []):
        assert error["pointer"] == "" or error["pointer"].startswith("/"), error
        assert error["code"] and error["detail"], error
