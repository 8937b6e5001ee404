#!/usr/bin/env python3
"""Writes what run.sh gives to schemathesis: a token, and openapi.json in two forms with ids of the running service.

    prepare.py BASE TOKEN_URL CLIENT_ID SECRET FOLDER

`whole.json` has no `fields` and demands every required member; `fields.json` has `fields` and demands none. An id is one of
the service's or any text. The surprise: without real ids nearly every path with an id is tested as a 404 only.
"""

import base64
import copy
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlencode

COUNT = 3  # ids for each collection


def token_of(token_url, id, secret):
    basic = base64.b64encode(f"{quote(id, safe='')}:{quote(secret, safe='')}".encode()).decode()
    body = urlencode({"grant_type": "client_credentials"}).encode()
    request = urllib.request.Request(token_url, body, {"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["access_token"]


def rows_of(base, token, collection):
    address = f"{base}/{collection}?limit=200&filter=" + quote("status='active'")
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return next(rows for key, rows in json.load(answer).items() if key != "statusInfoSet")
    except urllib.error.HTTPError as error:
        if error.code in (403, 404):  # not served, or outside the client's scopes
            return []
        raise


def ids_of(base, token):
    """Parameter and first segment of a path: ids."""
    found = {}
    for collection in ("academicSessions", "terms", "gradingPeriods", "courses", "classes", "users", "students", "teachers",
                       "enrollments", "orgs", "schools", "demographics"):
        found["sourcedId", collection] = [row["sourcedId"] for row in rows_of(base, token, collection)][:COUNT]
    classes = rows_of(base, token, "classes")
    schools = [row["school"]["sourcedId"] for row in classes][:1]
    found["schoolSourcedId", "schools"] = schools
    found["classSourcedId", "schools"] = [row["sourcedId"] for row in classes if [row["school"]["sourcedId"]] == schools][:COUNT]
    return found


def with_ids(document, ids):
    for path, item in document["paths"].items():
        parameters = item["get"]["parameters"]
        for at, reference in enumerate(parameters):
            name = reference["$ref"].rsplit("/", 1)[1]
            known = ids.get((name, path.split("/")[1]), [])
            parameter = copy.deepcopy(document["components"]["parameters"][name])
            if parameter["in"] == "path" and known:
                parameter["schema"] = {"anyOf": [{"type": "string", "enum": known}, parameter["schema"]]}
                parameter["examples"] = {str(number): {"value": id} for number, id in enumerate(known)}
                parameters[at] = parameter


def without_fields(document):
    for item in document["paths"].values():
        parameters = item["get"]["parameters"]
        item["get"]["parameters"] = [one for one in parameters if one.get("$ref") != "#/components/parameters/fields"]
    for schema in document["components"]["schemas"].values():
        if "x-required" in schema:
            schema["required"] = schema.pop("x-required")


def main():
    base, token_url, id, secret, folder = sys.argv[1:]
    base, folder = base.rstrip("/"), Path(folder)
    token = token_of(token_url, id, secret)
    (folder / "token").write_text(token)
    document = json.loads(Path(__file__).with_name("openapi.json").read_text())
    with_ids(document, ids_of(base, token))
    (folder / "fields.json").write_text(json.dumps(document))
    without_fields(document)
    (folder / "whole.json").write_text(json.dumps(document))


if __name__ == "__main__":
    main()
