#!/usr/bin/env python3
"""Checks a OneRoster 1.1 service by the rules of docs/contracts/oneroster-service.md.

    check.py BASE TOKEN_URL CLIENT_ID SECRET [--limited ID SECRET] [--absent NAMES] [--seed N] [--verbose]

It reads the whole roster through the collections, computes from these rows what every other request must return, and
compares. It shares no code with Rollbook and needs only Python's standard library. It is not a load test.

The surprise: the roster must not change meanwhile, because every expected answer comes from the first reading.

Prints a line for each failure, then the number of checks; exits with 1 if one failed.
"""

import argparse
import base64
import datetime
import email.utils
import http.client
import json
import random
import re
import sys
import time
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

SCOPE = "https://purl.imsglobal.org/spec/or/v1p1/scope/"
CORE, ROSTER, DEMOGRAPHICS = "roster-core.readonly", "roster.readonly", "roster-demographics.readonly"

MOST = 10_000  # the largest `limit` (oneroster-service.md 4)
LONGEST_WAIT = 60  # seconds that a Retry-After may ask for
SHOWN = 4  # objects named in one failure

# ----------------------------------------------------------------------------------------------------------------------
# The tables of oneroster-service.md 2 and 3. A kind with `!` is required; a kind with `|` is an enumeration; `name` is a
# text that may be empty.

ROLES = "administrator|aide|guardian|parent|proctor|relative|student|teacher"
EVERY = {"sourcedId": "text!", "status": "active|tobedeleted!", "dateLastModified": "dateTime!"}
ENTITIES = {
    "org": {
        "name": "name!", "type": "department|school|district|local|state|national!", "identifier": "text",
        "parent": "ref:org", "children": "refs:org",
    },
    "academicSession": {
        "title": "name!", "startDate": "date!", "endDate": "date!", "type": "gradingPeriod|semester|schoolYear|term!",
        "schoolYear": "year!", "parent": "ref:academicSession", "children": "refs:academicSession",
    },
    "course": {
        "title": "name!", "courseCode": "text", "schoolYear": "ref:academicSession", "org": "ref:org", "grades": "list",
        "subjects": "list", "subjectCodes": "list",
    },
    "class": {
        "title": "name!", "classCode": "text", "classType": "homeroom|scheduled", "location": "text",
        "school": "ref:org!", "course": "ref:course", "terms": "refs:academicSession", "grades": "list",
        "subjects": "list", "subjectCodes": "list", "periods": "list",
    },
    "user": {
        "username": "name!", "givenName": "name!", "familyName": "name!", "middleName": "text", "role": ROLES + "!",
        "identifier": "text", "email": "text", "sms": "text", "phone": "text", "enabledUser": "boolean",
        "userIds": "ids", "orgs": "refs:org!", "agents": "refs:user", "grades": "list",
    },
    "enrollment": {
        "user": "ref:user!", "class": "ref:class!", "school": "ref:org!", "role": ROLES + "!", "primary": "boolean",
        "beginDate": "date", "endDate": "date",
    },
    "demographics": {
        "birthDate": "date", "sex": "male|female", "americanIndianOrAlaskaNative": "boolean", "asian": "boolean",
        "blackOrAfricanAmerican": "boolean", "nativeHawaiianOrOtherPacificIslander": "boolean", "white": "boolean",
        "demographicRaceTwoOrMoreRaces": "boolean", "hispanicOrLatinoEthnicity": "boolean", "countryOfBirthCode": "text",
        "stateOfBirthAbbreviation": "text", "cityOfBirth": "text", "publicSchoolResidenceStatus": "text",
    },
}
ENTITIES = {name: {**EVERY, **members} for name, members in ENTITIES.items()}

# Collection: (entity, key of the list, key of the object, collection that it is part of, member and value that select).
COLLECTIONS = {
    "orgs": ("org", "orgs", "org", None, None),
    "schools": ("org", "orgs", "org", "orgs", ("type", "school")),
    "academicSessions": ("academicSession", "academicSessions", "academicSession", None, None),
    "terms": ("academicSession", "academicSessions", "academicSession", "academicSessions", ("type", "term")),
    "gradingPeriods":
        ("academicSession", "academicSessions", "academicSession", "academicSessions", ("type", "gradingPeriod")),
    "courses": ("course", "courses", "course", None, None),
    "classes": ("class", "classes", "class", None, None),
    "users": ("user", "users", "user", None, None),
    "students": ("user", "users", "user", "users", ("role", "student")),
    "teachers": ("user", "users", "user", "users", ("role", "teacher")),
    "enrollments": ("enrollment", "enrollments", "enrollment", None, None),
    "demographics": ("demographics", "demographics", "demographics", None, None),
}

# Nested path: (collections of the parents, collection of the rows, collections without which it is 404).
NESTED = {
    "/schools/{}/courses": (["schools"], "courses", ["orgs", "courses"]),
    "/schools/{}/enrollments": (["schools"], "enrollments", ["orgs", "enrollments"]),
    "/schools/{}/classes": (["schools"], "classes", ["orgs", "classes"]),
    "/schools/{}/students": (["schools"], "students", ["orgs", "users"]),
    "/schools/{}/teachers": (["schools"], "teachers", ["orgs", "users"]),
    "/schools/{}/terms": (["schools"], "terms", ["orgs", "academicSessions", "classes"]),
    "/schools/{}/classes/{}/enrollments": (["schools", "classes"], "enrollments", ["orgs", "classes", "enrollments"]),
    "/schools/{}/classes/{}/students": (["schools", "classes"], "users", ["orgs", "classes", "enrollments", "users"]),
    "/schools/{}/classes/{}/teachers": (["schools", "classes"], "users", ["orgs", "classes", "enrollments", "users"]),
    "/terms/{}/classes": (["terms"], "classes", ["academicSessions", "classes"]),
    "/terms/{}/gradingPeriods": (["terms"], "gradingPeriods", ["academicSessions"]),
    "/courses/{}/classes": (["courses"], "classes", ["courses", "classes"]),
    "/classes/{}/students": (["classes"], "users", ["classes", "enrollments", "users"]),
    "/classes/{}/teachers": (["classes"], "users", ["classes", "enrollments", "users"]),
    "/students/{}/classes": (["students"], "classes", ["users", "enrollments", "classes"]),
    "/teachers/{}/classes": (["teachers"], "classes", ["users", "enrollments", "classes"]),
    "/users/{}/classes": (["users"], "classes", ["users", "enrollments", "classes"]),
}

CODES = {  # status: codeMinor (oneroster-service.md 8)
    400: {"invalid data", "invalid_filter_field", "invalid_blank_selection_field"},
    401: {"unauthorized"}, 403: {"forbidden"}, 404: {"unknown object"}, 405: {"invalid data"},
    429: {"server_busy"}, 503: {"server_busy"},
}
NOWHERE = "Zz9-no-such-object-4711"  # a value that no answer may repeat


# ----------------------------------------------------------------------------------------------------------------------
# HTTP

class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        values = self.headers.get_all(name) or []
        return ", ".join(values) if values else None

    def json(self):
        try:
            return json.loads(self.body.decode("utf-8"))
        except ValueError:
            return None


class Host:
    """One kept-alive connection to the host of an address; waits where the server answers 429."""

    waits = waited = requests = 0
    complaints = []

    def __init__(self, address):
        parts = urlsplit(address)
        self.address, self.prefix = address.rstrip("/"), parts.path.rstrip("/")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(parts.netloc, timeout=60)

    def once(self, method, target, headers, body):
        for attempt in (1, 2):
            try:
                self.connection.putrequest(method, target, skip_accept_encoding=True)
                for name, value in headers.items():
                    self.connection.putheader(name, value)
                if body is not None:
                    self.connection.putheader("Content-Length", str(len(body)))
                self.connection.endheaders(body)
                answer = self.connection.getresponse()
                return Response(answer.status, answer.headers, answer.read())
            except (http.client.HTTPException, ConnectionError):
                self.connection.close()  # the server ended an idle connection
                if attempt == 2:
                    raise

    def send(self, method, path, headers=None, body=None):
        while True:
            Host.requests += 1
            answer = self.once(method, self.prefix + path, headers or {}, body)
            if answer.status != 429:
                return answer
            seconds = seconds_of(answer.header("Retry-After"))
            if seconds is None:
                Host.complaints.append("429 without a readable Retry-After")
            elif seconds > LONGEST_WAIT:
                Host.complaints.append(f"429 with Retry-After above {LONGEST_WAIT} s")
            if method != "HEAD" and isinstance(answer.json(), dict) and "statusInfoSet" in answer.json():
                Host.complaints.extend(problems_of_error(answer, 429))
            pause = min(LONGEST_WAIT, max(1, 1 if seconds is None else seconds))
            Host.waits, Host.waited = Host.waits + 1, Host.waited + pause
            if Host.waits > 60:
                sys.exit("the server answers 429 without end")
            time.sleep(pause)


def seconds_of(text):
    if text is None:
        return None
    if re.fullmatch(r"\d+", text):
        return int(text)
    try:
        until = email.utils.parsedate_to_datetime(text)
        return max(0, int((until - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) + 1)
    except (TypeError, ValueError):
        return None


def encoded(params):
    """A query from pairs, blanks as %20, or the text as it is."""
    if isinstance(params, str):
        return "?" + params
    return "?" + urlencode(params, quote_via=quote, safe="") if params else ""


def path_of(template, *ids):
    return template.format(*(quote(id, safe="") for id in ids))


# ----------------------------------------------------------------------------------------------------------------------
# Problems: functions that return what is wrong, as texts

def problems_of_type(answer):
    kind = answer.header("Content-Type") or ""
    if not re.fullmatch(r"application/json(\s*;\s*charset=utf-8)?", kind, re.I):
        return [f"Content-Type {kind!r}"]
    return []


def problems_of_infos(body, major, severity, minors):
    infos = body.get("statusInfoSet") if isinstance(body, dict) else None
    if not isinstance(infos, list) or not infos:
        return ["no statusInfoSet"]
    found = []
    for info in infos:
        members = {"imsx_codeMajor", "imsx_severity", "imsx_description", "imsx_codeMinor"}
        if not isinstance(info, dict) or set(info) != members:
            return ["a statusInfoSet entry has other members than the four"]
        if (info["imsx_codeMajor"], info["imsx_severity"]) != (major, severity):
            found.append(f"{info['imsx_codeMajor']}/{info['imsx_severity']} instead of {major}/{severity}")
        if not isinstance(info["imsx_description"], str) or not info["imsx_description"].strip():
            found.append("no imsx_description")
    sent = [info["imsx_codeMinor"] for info in infos]
    if isinstance(minors, list) and sorted(sent) != sorted(minors):
        found.append(f"codeMinor {sent} instead of {minors}")
    if isinstance(minors, set) and not set(sent) <= minors:
        found.append(f"codeMinor {sent} is none of {sorted(minors)}")
    return found


def problems_of_error(answer, status, minor=None):
    if answer.status != status:
        return [f"status {answer.status} instead of {status}"]
    found = problems_of_type(answer)
    body = answer.json()
    if not isinstance(body, dict):
        return found + ["the body is no JSON object"]
    if set(body) != {"statusInfoSet"}:
        found.append(f"the body has {sorted(body)}")
    found += problems_of_infos(body, "failure", "error", [minor] if minor else CODES[status])
    if NOWHERE.lower() in answer.body.decode("utf-8", "replace").lower():
        found.append("the answer repeats a value of the request")
    if status == 401 and not (answer.header("WWW-Authenticate") or "").startswith("Bearer"):
        found.append("no WWW-Authenticate: Bearer")
    if status == 405:
        allow = {word.strip() for word in (answer.header("Allow") or "").split(",")}
        if allow != {"GET", "HEAD"}:
            found.append(f"Allow {sorted(allow)}")
    if status in (429, 503) and seconds_of(answer.header("Retry-After")) is None:
        found.append("no Retry-After")
    return found


def links_of(answer):
    return {rel: url for url, rel in re.findall(r'<([^>]*)>\s*;\s*rel="([^"]*)"', answer.header("Link") or "")}


def problems_of_links(host, answer, path, params, limit, offset, total):
    links, found = links_of(answer), []
    wanted = {"first": 0, "last": (total - 1) // limit * limit if total else 0}
    if offset + limit < total:
        wanted["next"] = offset + limit
    if offset > 0:
        wanted["prev"] = max(0, offset - limit)
    if set(links) != set(wanted):
        return [f"Link has {sorted(links)} instead of {sorted(wanted)}"]
    others = sorted(pair for pair in params if pair[0] not in ("limit", "offset"))
    for rel, at in wanted.items():
        url = urlsplit(links[rel])
        if f"{url.scheme}://{url.netloc}" != host.origin or unquote(url.path) != unquote(host.prefix + path):
            found.append(f"Link {rel} is not the absolute address of this path")
        pairs = parse_qsl(url.query, keep_blank_values=True)
        given = dict(pairs)
        if sorted(pair for pair in pairs if pair[0] not in ("limit", "offset")) != others:
            found.append(f"Link {rel} does not keep the other parameters")
        if given.get("limit") != str(limit):
            found.append(f"Link {rel} has limit {given.get('limit')}")
        # Behind the end only the direction of `prev` is promised.
        behind = rel == "prev" and offset >= total and given.get("offset", "").isdigit() and int(given["offset"]) < offset
        if given.get("offset") != str(at) and not behind:
            found.append(f"Link {rel} has offset {given.get('offset')} instead of {at}")
    return found


def is_date(text):
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return False
    try:
        datetime.date.fromisoformat(text)
        return True
    except ValueError:
        return False


def is_time(text):
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text):
        return False
    try:
        datetime.datetime.fromisoformat(text[:-1])
        return True
    except ValueError:
        return False


def problems_of_ref(base, value, kind):
    if not isinstance(value, dict) or set(value) != {"href", "sourcedId", "type"}:
        return ["is no {href, sourcedId, type}"]
    if not all(isinstance(part, str) and part for part in value.values()):
        return ["has an empty part"]
    found = [] if value["type"] == kind else [f"has type {value['type']!r}"]
    if not value["href"].startswith(base + "/"):
        found.append("has an href outside the base")
    elif unquote(value["href"].rsplit("/", 1)[1]) != value["sourcedId"]:
        found.append("has an href of another object")
    return found


def problems_of_value(base, kind, value):
    required, kind = kind.endswith("!"), kind.rstrip("!")
    if "|" in kind:
        return [] if value in kind.split("|") else ["is not of the enumeration"]
    if kind in ("text", "name"):
        return [] if isinstance(value, str) and (value or kind == "name") else ["is no text"]
    if kind == "year":
        return [] if isinstance(value, str) and re.fullmatch(r"\d{4}", value) else ["is no year"]
    if kind == "date":
        return [] if is_date(value) else ["is no date"]
    if kind == "dateTime":
        return [] if is_time(value) else ["is no dateTime in UTC with three decimals"]
    if kind == "boolean":
        return [] if isinstance(value, bool) else ["is no boolean"]
    if kind.startswith("ref:"):
        return problems_of_ref(base, value, kind[4:])
    if not isinstance(value, list):
        return ["is no list"]
    if not value and not required:
        return ["is an empty list"]
    if kind == "list":
        return [] if all(isinstance(item, str) and item for item in value) else ["has an item that is no text"]
    if kind == "ids":
        fits = all(isinstance(item, dict) and set(item) == {"type", "identifier"}
                   and all(isinstance(part, str) for part in item.values()) for item in value)
        return [] if fits else ["is no list of {type, identifier}"]
    return [problem for item in value for problem in problems_of_ref(base, item, kind[5:])]


def problems_of_object(base, entity, row):
    if not isinstance(row, dict):
        return ["is no object"]
    members = ENTITIES[entity]
    found = [f"unknown member {name}" for name in row if name not in members]
    found += [f"no {name}" for name, kind in members.items() if kind.endswith("!") and name not in row]
    for name, value in row.items():
        if name in members:
            found += [f"{name} {problem}" for problem in problems_of_value(base, members[name], value)]
    return found


# ----------------------------------------------------------------------------------------------------------------------
# Values of rows, as filters and sorting see them (oneroster-service.md 5 and 7)

def fields_of(entity):
    """Names for `filter`: kind and a function from a row to its value."""
    fields = {}
    for name, kind in ENTITIES[entity].items():
        kind = kind.rstrip("!")
        if kind.startswith("ref:"):
            for part in ("sourcedId", "type"):
                fields[f"{name}.{part}"] = ("text", lambda row, n=name, p=part: row[n][p] if n in row else None)
        elif kind.startswith("refs:") or kind == "ids":
            for part in ("sourcedId", "type") if kind != "ids" else ("type", "identifier"):
                fields[f"{name}.{part}"] = (
                    "list", lambda row, n=name, p=part: [item[p] for item in row[n]] if n in row else None)
        else:
            plain = kind if kind in ("date", "dateTime", "boolean", "list") else "text"
            fields[name] = (plain, lambda row, n=name: row.get(n))
    return fields


def fold(text):
    return text.lower()


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def as_sortable(kind, value):
    if value is None:
        return (0, "")
    return (1, fold(value) if kind == "text" else moment(value) if kind == "dateTime" else value)


def in_order(rows, field, descending):
    """By the field, then by sourcedId, which ascends in both directions; rows without the member are the smallest."""
    name, (kind, value) = field
    rows = sorted(rows, key=lambda row: row["sourcedId"])
    if name == "sourcedId":
        return rows[::-1] if descending else rows
    return sorted(rows, key=lambda row: as_sortable(kind, value(row)), reverse=descending)


def fits(fields, row, clause):
    name, predicate, wanted = clause
    kind, value = fields[name]
    has = value(row)
    if has is None:
        return predicate == "!="
    if kind == "list":
        items, asked = {fold(item) for item in has}, {fold(item) for item in wanted.split(",")}
        return bool(items & asked) if predicate == "~" else (items == asked) == (predicate == "=")
    if kind == "boolean":
        has, wanted = has, wanted == "true"
    elif kind == "dateTime":
        has, wanted = moment(has), moment(wanted)
    elif kind == "date":
        has, wanted = datetime.date.fromisoformat(has), datetime.date.fromisoformat(wanted)
    else:
        has, wanted = fold(has), fold(wanted)
    return {
        "=": lambda: has == wanted, "!=": lambda: has != wanted, "<": lambda: has < wanted, "<=": lambda: has <= wanted,
        ">": lambda: has > wanted, ">=": lambda: has >= wanted, "~": lambda: wanted in has,
    }[predicate]()


def written(clause):
    name, predicate, value = clause
    return f"{name}{predicate}'" + value.replace("'", "''") + "'"


def other_case(text):
    """The text in the other case, without the characters for which Unicode's mappings disagree."""
    def turned(sign):
        other = sign.lower() if sign.isupper() else sign.upper()
        return other if len(other) == 1 and other.lower() == sign.lower() and other.casefold() == sign.casefold() else sign
    return "".join(turned(sign) for sign in text)


# ----------------------------------------------------------------------------------------------------------------------

class Checker:
    def __init__(self, options):
        self.base, self.token_url = options.base.rstrip("/"), options.token_url
        self.id, self.secret, self.limited = options.id, options.secret, options.limited
        self.must_be_absent = None if options.absent is None else set(filter(None, options.absent.split(",")))
        self.verbose, self.dice = options.verbose, random.Random(options.seed)
        self.host, self.token_host = Host(options.base), Host(options.token_url)
        self.token, self.scopes = None, set()
        self.checks = self.failures = 0
        self.counts, self.notes, self.section = {}, [], ""
        self.rows = {}  # rows of each collection that is served, in the default order
        self.absent, self.closed = set(), set()  # collections: 404, and outside this client's scopes

    # -- counting ------------------------------------------------------------------------------------------------------

    def check(self, problems, what):
        """Counts a check; its problems are texts, none of them for a pass."""
        self.checks += 1
        self.counts[self.section] = self.counts.get(self.section, 0) + 1
        if problems:
            self.failures += 1
            shown = "; ".join(list(dict.fromkeys(problems))[:SHOWN])
            print(f"FAIL [{self.section}] {what}: {shown}")
        elif self.verbose:
            print(f"ok   [{self.section}] {what}")
        return not problems

    def note(self, text):
        self.notes.append(text)

    # -- requests ------------------------------------------------------------------------------------------------------

    def send(self, method, path, params=(), token="", headers=None, body=None):
        """`token` is the full client's unless given; None sends no Authorization."""
        headers = dict(headers or {})
        token = self.token if token == "" else token
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        return self.host.send(method, path + encoded(params), headers, body)

    def expect_error(self, path, status, minor=None, params=(), **more):
        answer = self.send("GET", path, params, **more)
        return self.check(problems_of_error(answer, status, minor), f"GET {path}{encoded(params)}")

    def expect_status(self, path, statuses, params=(), **more):
        answer = self.send("GET", path, params, **more)
        problems = [] if answer.status in statuses else [f"status {answer.status} is none of {sorted(statuses)}"]
        if answer.status >= 400 and not problems:
            problems = problems_of_error(answer, answer.status)
        return self.check(problems, f"GET {path}{encoded(params)}")

    def list_problems(self, answer, collection, path, params, expected, warnings=(), project=None, ordered=True):
        """What is wrong with a list whose whole filtered result is `expected`."""
        if answer.status != 200:
            return [f"status {answer.status} instead of 200"]
        given = dict(params)
        limit, offset = int(given.get("limit", 100)), int(given.get("offset", 0))
        key, body = COLLECTIONS[collection][1], answer.json()
        problems = problems_of_type(answer)
        if not isinstance(body, dict) or not isinstance(body.get(key), list):
            return problems + [f"no list {key}"]
        if set(body) != ({key, "statusInfoSet"} if warnings else {key}):
            problems.append(f"the body has {sorted(body)}")
        elif warnings:
            problems += problems_of_infos(body, "success", "warning", list(warnings))
        page = expected[offset:offset + limit]
        if project is not None:
            page = [{name: row[name] for name in project if name in row} for row in page]
        if ordered and body[key] != page:
            problems.append(difference(body[key], page))
        if not ordered and sorted(map(canonical, body[key])) != sorted(map(canonical, page)):
            problems.append(difference(sorted(body[key], key=canonical), sorted(page, key=canonical)))
        total = answer.header("X-Total-Count")
        if total != str(len(expected)):
            problems.append(f"X-Total-Count {total} instead of {len(expected)}")
        return problems + problems_of_links(self.host, answer, path, params, limit, offset, len(expected))

    def expect_list(self, collection, path, params, expected, **more):
        params = list(params)
        answer = self.send("GET", path, params)
        problems = self.list_problems(answer, collection, path, params, expected, **more)
        return self.check(problems, f"GET {path}{encoded(params)}")

    # -- token endpoint ------------------------------------------------------------------------------------------------

    def ask_token(self, form, basic=None, headers=None):
        headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        if basic is not None:
            id, secret = (quote(part, safe="") for part in basic)
            headers["Authorization"] = "Basic " + base64.b64encode(f"{id}:{secret}".encode()).decode()
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        return self.token_host.send("POST", encoded_query(self.token_url), headers, body)

    def token_problems(self, answer, scopes=None):
        if answer.status != 200:
            return [f"status {answer.status} instead of 200"]
        body, problems = answer.json(), problems_of_type(answer)
        if not isinstance(body, dict) or set(body) != {"access_token", "token_type", "expires_in", "scope"}:
            return problems + ["the body has other members than access_token, token_type, expires_in, scope"]
        if not isinstance(body["access_token"], str) or not re.fullmatch(r"[A-Za-z0-9._~+/-]{16,}=*", body["access_token"]):
            problems.append("access_token is no bearer token of 16 characters or more")
        if body["token_type"] != "Bearer":
            problems.append("token_type is not Bearer")
        if body["expires_in"] != 3600 or isinstance(body["expires_in"], bool):
            problems.append("expires_in is not 3600")
        if not isinstance(body["scope"], str) or not body["scope"]:
            problems.append("no scope")
        elif scopes is not None and scopes_of(body) != scopes:
            problems.append(f"scope is {sorted(scopes_of(body))} instead of {sorted(scopes)}")
        if "no-store" not in (answer.header("Cache-Control") or ""):
            problems.append("no Cache-Control: no-store")
        return problems

    def expect_refusal(self, what, answer, refusals):
        """`refusals` are pairs of status and error, any of which is right."""
        body = answer.json()
        error = body.get("error") if isinstance(body, dict) else None
        problems = [] if (answer.status, error) in refusals else [f"{answer.status} {error} is none of {refusals}"]
        problems += problems_of_type(answer)
        if isinstance(body, dict) and not set(body) <= {"error", "error_description", "error_uri"}:
            problems.append(f"the body has {sorted(body)}")
        text = answer.body.decode("utf-8", "replace")
        if NOWHERE in text or (self.secret in text and len(self.secret) > 3):
            problems.append("the answer repeats a secret or a value of the request")
        if answer.status == 401 and not answer.header("WWW-Authenticate"):
            problems.append("401 without WWW-Authenticate")
        self.check(problems, what)

    def check_tokens(self):
        grant = {"grant_type": "client_credentials"}
        client = (self.id, self.secret)
        in_body = {"client_id": self.id, "client_secret": self.secret}
        answer = self.ask_token(grant, client)
        if not self.check(self.token_problems(answer), "client by Basic"):
            if answer.status != 200 or not isinstance(answer.json(), dict) or "access_token" not in answer.json():
                sys.exit(f"no token (status {answer.status}), so nothing else can be checked")
        body = answer.json()
        self.token, self.scopes = body["access_token"], scopes_of(body)
        known = {CORE, ROSTER, DEMOGRAPHICS}
        self.check([] if self.scopes <= known else ["a scope that the contract does not have"], "scopes of the reply")
        second = self.ask_token({**grant, **in_body})
        self.check(self.token_problems(second, self.scopes), "client in the body")
        if second.status == 200:
            different = second.json().get("access_token") != self.token
            self.check([] if different else ["the same token twice"], "two tokens differ")
            self.check([] if self.send("GET", "/orgs").status == 200 else ["the first token ended"], "both tokens hold")
        percent = "".join(f"%{byte:02X}" for byte in self.secret.encode())
        basic = base64.b64encode(f"{quote(self.id, safe='')}:{percent}".encode()).decode()
        answer = self.ask_token(grant, headers={"Authorization": f"Basic {basic}"})
        self.check(self.token_problems(answer, self.scopes), "Basic with each byte percent-encoded (RFC 6749 2.3.1)")
        for scope in sorted(self.scopes):
            for name in (scope, SCOPE + scope):
                answer = self.ask_token({**grant, "scope": name}, client)
                self.check(self.token_problems(answer, {scope}), f"scope {name}")
        every = " ".join(SCOPE + scope for scope in sorted(self.scopes))
        self.check(self.token_problems(self.ask_token({**grant, "scope": every}, client), self.scopes), "all scopes")
        answer = self.ask_token(urlencode(grant).encode(), client,
                                {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"})
        self.check(self.token_problems(answer, self.scopes), "Content-Type with charset")

        invalid, client_401 = [(400, "invalid_request")], [(401, "invalid_client")]
        self.expect_refusal("no grant_type", self.ask_token({}, client), invalid)
        self.expect_refusal("empty grant_type", self.ask_token({"grant_type": ""}, client),
                            invalid + [(400, "unsupported_grant_type")])
        for other in ("password", "authorization_code", "refresh_token", NOWHERE):
            answer = self.ask_token({"grant_type": other}, client)
            self.expect_refusal(f"grant_type {other}", answer, [(400, "unsupported_grant_type")])
        self.expect_refusal("wrong secret by Basic", self.ask_token(grant, (self.id, NOWHERE)), client_401)
        answer = self.ask_token({**grant, **in_body, "client_secret": NOWHERE})
        self.expect_refusal("wrong secret in the body", answer, client_401)
        self.expect_refusal("empty secret", self.ask_token(grant, (self.id, "")), client_401)
        self.expect_refusal("unknown client", self.ask_token(grant, (NOWHERE, self.secret)), client_401)
        self.expect_refusal("no client", self.ask_token(grant), client_401 + invalid)
        self.expect_refusal("id without secret", self.ask_token({**grant, "client_id": self.id}), client_401 + invalid)
        answer = self.ask_token(grant, headers={"Authorization": "Basic %%%"})
        self.expect_refusal("Basic that is no base64", answer, client_401 + invalid)
        for scope in (NOWHERE, SCOPE + NOWHERE, SCOPE + "gradebook.readonly"):
            answer = self.ask_token({**grant, "scope": scope}, client)
            self.expect_refusal(f"unknown scope {scope}", answer, [(400, "invalid_scope")])
        both = self.ask_token({**grant, "scope": f"{CORE} {NOWHERE}"}, client)
        self.check(self.token_problems(both, {CORE}), "a known scope and an unknown one")
        twice = urlencode([*grant.items(), *grant.items()]).encode()
        self.expect_refusal("grant_type twice", self.ask_token(twice, client), invalid)
        answer = self.ask_token(json.dumps({**grant, **in_body}).encode(), headers={"Content-Type": "application/json"})
        problems = [] if answer.status in (400, 401, 415) else [f"status {answer.status}"]
        self.check(problems, "a JSON body")
        self.expect_refusal("bytes that are no form", self.ask_token(b"\xff\xfe%zz=%"), invalid + client_401)
        answer = self.token_host.send("GET", encoded_query(self.token_url) + "?grant_type=client_credentials")
        self.check([] if answer.status in (400, 404, 405) else [f"status {answer.status}"], "GET on the token endpoint")

    # -- openapi.json --------------------------------------------------------------------------------------------------

    def check_description(self):
        """openapi.json, which schemathesis reads, has the same paths, scopes and members as the tables above."""
        document = json.loads(Path(__file__).with_name("openapi.json").read_text())
        paths = {re.sub(r"\{\w+\}", "{}", path): item["get"]["x-scope"] for path, item in document["paths"].items()}
        wanted = {f"/{name}{end}": DEMOGRAPHICS if name == "demographics" else CORE
                  for name in COLLECTIONS for end in ("", "/{}")} | {path: ROSTER for path in NESTED}
        self.check([] if paths == wanted and len(paths) == 41 else ["it differs"], "paths and scopes of openapi.json")
        schemas = document["components"]["schemas"]
        for entity, members in ENTITIES.items():
            required = [name for name, kind in members.items() if kind.endswith("!")]
            same = list(schemas[entity]["properties"]) == list(members) and schemas[entity]["x-required"] == required
            enums = all(schemas[entity]["properties"][name]["enum"] == kind.rstrip("!").split("|")
                        for name, kind in members.items() if "|" in kind)
            self.check([] if same and enums else ["it differs"], f"members of {entity} in openapi.json")

    # -- reading and schema --------------------------------------------------------------------------------------------

    def may(self, collection):
        return bool(self.scopes & ({DEMOGRAPHICS} if collection == "demographics" else {CORE, ROSTER}))

    def read_all(self):
        for collection, (entity, key, _, whole, selects) in COLLECTIONS.items():
            path = f"/{collection}"
            if not self.may(collection):
                self.closed.add(collection)
                self.expect_status(path, {403, 404})
                continue
            answer = self.send("GET", path, [("limit", "1000")])
            if answer.status == 404:
                self.absent.add(collection)
                self.check(problems_of_error(answer, 404, "unknown object"), f"GET {path}, which is not served")
                self.check([] if self.must_be_absent is None or collection in self.must_be_absent else ["404"],
                           f"{collection} are served")
                self.expect_error(f"{path}/{NOWHERE}", 404)
                continue
            self.check(["it is served"] if collection in (self.must_be_absent or ()) else [], f"{collection} may be served")
            rows, total, problems = [], None, []
            while True:
                body = answer.json()
                if answer.status != 200 or not isinstance(body, dict) or not isinstance(body.get(key), list):
                    problems.append(f"status {answer.status}, or no list {key}")
                    break
                rows += body[key]
                total = answer.header("X-Total-Count")
                if not body[key] or not (total or "").isdigit() or len(rows) >= int(total):
                    break
                answer = self.send("GET", path, [("limit", "1000"), ("offset", str(len(rows)))])
            if not self.check(problems, f"GET {path}, all rows"):
                if collection != "demographics":
                    sys.exit(f"{path} cannot be read, so nothing else can be checked")
                continue
            self.check([] if total == str(len(rows)) else [f"{len(rows)} rows, X-Total-Count {total}"], f"GET {path}, count")
            problems = [f"row {at}: {problem}" for at, row in enumerate(rows)
                        for problem in problems_of_object(self.base, entity, row)]
            if not self.check(problems, f"schema of {collection}") and any("sourcedId" in text for text in problems):
                sys.exit(f"{path} has rows without sourcedId, so nothing else can be checked")
            ids = [row["sourcedId"] for row in rows]
            self.check([] if len(set(ids)) == len(ids) else ["an id occurs twice"], f"ids of {collection} are unique")
            self.check([] if ids == sorted(ids) else ["not by sourcedId"], f"default order of {collection}")
            self.rows[collection] = rows
            if whole and whole in self.rows:
                member, value = selects
                expected = [row for row in self.rows[whole] if row.get(member) == value]
                self.check([] if rows == expected else [difference(rows, expected)],
                           f"{collection} are {whole} with {member} {value}")
        for collection, (_, _, _, whole, _) in COLLECTIONS.items():
            if whole and not {whole, collection} & self.closed:
                same = (whole in self.absent) == (collection in self.absent)
                self.check([] if same else ["one is served, the other is 404"], f"{collection} and {whole}")
        if "demographics" in self.rows and "users" in self.rows:
            users = {row["sourcedId"] for row in self.rows["users"]}
            lost = [row for row in self.rows["demographics"] if row["sourcedId"] not in users]
            self.check([] if not lost else [f"{len(lost)} without a user"], "demographics have the ids of users")
        for row in self.rows.get("enrollments", []):
            if row.get("primary") and row["role"] != "teacher":
                self.note("an enrollment with primary is not a teacher's")
                break

    def check_references(self):
        places = {"org": "orgs", "academicSession": "academicSessions", "course": "courses", "class": "classes",
                  "user": "users"}
        dangling = 0
        for collection, rows in self.rows.items():
            entity = COLLECTIONS[collection][0]
            if COLLECTIONS[collection][3]:
                continue
            for name, kind in ENTITIES[entity].items():
                kind = kind.rstrip("!")
                if not kind.startswith(("ref:", "refs:")):
                    continue
                target, refs = places[kind.split(":")[1]], {}
                for row in rows:
                    value = row.get(name, [])
                    for ref in value if isinstance(value, list) else [value]:
                        refs[ref["sourcedId"]] = ref
                if not refs:
                    continue
                known = {row["sourcedId"] for row in self.rows.get(target, [])}
                wrong = [ref for id, ref in refs.items() if ref["href"] != f"{self.base}/{target}/{quote(id, safe='')}"
                         and unquote(ref["href"]) != f"{self.base}/{target}/{id}"]
                self.check([] if not wrong else [f"{len(wrong)} hrefs that are not /{target}/{{id}}"],
                           f"hrefs of {entity}.{name}")
                inside = sorted(id for id in refs if id in known)
                dangling += len(refs) - len(inside)
                for id in self.some(inside, 3):
                    href = refs[id]["href"]
                    answer = self.send("GET", href[len(self.base):])
                    body = answer.json()
                    found = body.get(kind.split(":")[1], {}) if isinstance(body, dict) else {}
                    right = answer.status == 200 and isinstance(found, dict) and found.get("sourcedId") == id
                    self.check([] if right else [f"status {answer.status} or another object"], f"href of {entity}.{name}")
        if dangling:
            self.note(f"{dangling} references name objects that no collection has")

    def some(self, items, count):
        items = list(items)
        return items if len(items) <= count else self.dice.sample(items, count)

    # -- single objects ------------------------------------------------------------------------------------------------

    def check_objects(self):
        for collection, rows in self.rows.items():
            entity, _, single, whole, _ = COLLECTIONS[collection]
            deleted = [row for row in rows if row["status"] == "tobedeleted"]
            sample = self.some(rows, 8) + self.some(deleted, 2)
            for row in sample:
                path = path_of(f"/{collection}/{{}}", row["sourcedId"])
                answer = self.send("GET", path)
                problems = problems_of_type(answer) if answer.status == 200 else [f"status {answer.status}"]
                if not problems and answer.json() != {single: row}:
                    problems = [f"not the object of the list under {single}"]
                self.check(problems, f"GET {path}")
            for row in sample[:1]:
                path = path_of(f"/{collection}/{{}}", row["sourcedId"])
                head = self.send("HEAD", path)
                problems = [] if head.status == 200 and not head.body else [f"status {head.status}, {len(head.body)} bytes"]
                self.check(problems + problems_of_type(head), f"HEAD {path}")
                for params in ("limit=abc", "offset=-1", "limit=0&offset=x", "sort=nothing&orderBy=sideways",
                               "filter=broken", "filter=noSuchField%3D%27x%27", "somethingElse=1"):
                    answer = self.send("GET", path, params)
                    right = answer.status == 200 and answer.json() == {single: row}
                    self.check([] if right else [f"status {answer.status} or another body"], f"GET {path}?{params}")
                self.check_fields_of(path, entity, row, single)
                self.expect_error(path + "/", 404)
                self.expect_error(path + "/nothing", 404)
            for id in (NOWHERE, "%00" + NOWHERE, NOWHERE + "%2F..%2F", "%27%20OR%201%3D1", "%F0%9F%8E%92", NOWHERE * 20):
                self.expect_status(f"/{collection}/{id}", {404} if id == NOWHERE else {400, 404})
            self.expect_status(f"/{collection}/%ZZ", {400, 404})
            self.expect_status(f"/{collection}/%FF", {400, 404})
            for row in self.some(rows, 1):
                changed = other_case(row["sourcedId"])
                if changed not in {row["sourcedId"] for row in rows}:
                    self.expect_error(path_of(f"/{collection}/{{}}", changed), 404, "unknown object")
            if whole in self.rows:
                ids = {row["sourcedId"] for row in rows}
                for row in self.some([row for row in self.rows[whole] if row["sourcedId"] not in ids], 3):
                    self.expect_error(path_of(f"/{collection}/{{}}", row["sourcedId"]), 404, "unknown object")

    def check_fields_of(self, path, entity, row, single):
        def expect(fields, names, warned):
            answer = self.send("GET", path, [("fields", fields)])
            body = answer.json()
            problems = [] if answer.status == 200 else [f"status {answer.status}"]
            if not problems:
                wanted = {name: value for name, value in row.items() if names is None or name in names}
                if not isinstance(body, dict) or body.get(single) != wanted:
                    problems.append("other members than asked for")
                elif set(body) != ({single, "statusInfoSet"} if warned else {single}):
                    problems.append(f"the body has {sorted(body)}")
                elif warned:
                    problems += problems_of_infos(body, "success", "warning", ["invalid_selection_field"])
            self.check(problems, f"GET {path}?fields={fields}")
        names = list(ENTITIES[entity])
        expect("sourcedId", {"sourcedId"}, False)
        expect(",".join(names), None, False)
        pair = set(self.some(names, 2))
        expect(",".join(sorted(pair)), pair, False)
        expect("status,favouriteColour", {"status"}, True)
        expect("favouriteColour", None, True)
        self.expect_error(path, 400, "invalid_blank_selection_field", [("fields", "")])
        self.expect_error(path, 400, None, "fields=status&fields=sourcedId")

    # -- nested lists --------------------------------------------------------------------------------------------------

    def nested_rows(self, template, ids):
        rows = {name: self.rows.get(name, []) for name in COLLECTIONS}
        last = ids[-1]

        def linked(role, member, value, wanted):
            return {row[wanted]["sourcedId"] for row in rows["enrollments"]
                    if row["status"] == "active" and row[member]["sourcedId"] == value and role in (None, row["role"])}

        def named(row, member):
            value = row.get(member, [])
            return last in [ref["sourcedId"] for ref in (value if isinstance(value, list) else [value])]

        parent, child = template.split("/")[1], template.rsplit("/", 1)[1]
        if template.startswith("/schools/{}/classes/{}/") and child == "enrollments":
            return [row for row in rows["enrollments"] if row["class"]["sourcedId"] == last]
        if child in ("students", "teachers") and (parent == "classes" or template.count("{}") == 2):
            users = linked(child[:-1], "class", last, "user")
            return [row for row in rows["users"] if row["sourcedId"] in users]
        if parent in ("students", "teachers", "users"):
            classes = linked(None if parent == "users" else parent[:-1], "user", last, "class")
            return [row for row in rows["classes"] if row["sourcedId"] in classes]
        if template == "/schools/{}/terms":
            terms = {ref["sourcedId"] for row in rows["classes"] for ref in row.get("terms", [])
                     if row["status"] == "active" and row["school"]["sourcedId"] == last}
            return [row for row in rows["terms"] if row["sourcedId"] in terms]
        member = {
            "/schools/{}/courses": "org", "/schools/{}/enrollments": "school", "/schools/{}/classes": "school",
            "/schools/{}/students": "orgs", "/schools/{}/teachers": "orgs", "/terms/{}/classes": "terms",
            "/terms/{}/gradingPeriods": "parent", "/courses/{}/classes": "course",
        }[template]
        return [row for row in rows[child] if named(row, member)]

    def parents_of(self, template, parents):
        """All ids, or pairs of ids, under which the path exists."""
        if len(parents) == 1:
            return [(row["sourcedId"],) for row in self.rows[parents[0]]]
        schools = {row["sourcedId"] for row in self.rows["schools"]}
        return [(row["school"]["sourcedId"], row["sourcedId"]) for row in self.rows["classes"]
                if row["school"]["sourcedId"] in schools]

    def check_nested(self):
        for template, (parents, child, needs) in NESTED.items():
            if ROSTER not in self.scopes:
                self.expect_error(path_of(template, *[NOWHERE] * len(parents)), 403, "forbidden")
                continue
            unknown = path_of(template, *[NOWHERE] * len(parents))
            if set(needs) & self.absent:
                self.expect_error(unknown, 404, "unknown object")
                for row in self.some(self.rows.get(parents[0], []), 1):
                    ids = [row["sourcedId"]] + [NOWHERE] * (len(parents) - 1)
                    self.expect_error(path_of(template, *ids), 404, "unknown object")
                continue
            entity = COLLECTIONS[child][0]
            found = [(ids, self.nested_rows(template, ids)) for ids in self.parents_of(template, parents)]
            found.sort(key=lambda pair: (-len(pair[1]), pair[0]))
            empty = [pair for pair in found if not pair[1]]
            chosen = found[:2] + self.some(found[2:], 6) + self.some(empty, 1)
            chosen = list({pair[0]: pair for pair in chosen}.values())
            if not chosen:
                self.note(f"no parent for {template}")
            for ids, rows in chosen:
                self.expect_list(child, path_of(template, *ids), [("limit", str(MOST))], rows)
            for ids, rows in chosen[:1]:
                self.check_nested_list(child, entity, path_of(template, *ids), rows)
            self.expect_error(unknown, 404, "unknown object")
            self.check_wrong_parents(template, parents)

    def check_nested_list(self, child, entity, path, rows):
        count = len(rows)
        for limit, offset in ((1, 0), (1, 1), (2, max(0, count - 1)), (3, count), (3, count + 5)):
            self.expect_list(child, path, [("limit", str(limit)), ("offset", str(offset))], rows)
        self.expect_list(child, path, [], rows)
        fields = fields_of(entity)
        for name in self.some([name for name, (kind, _) in fields.items() if kind != "list" and "." not in name], 2):
            for way in ("asc", "desc"):
                params = [("sort", name), ("orderBy", way), ("limit", "50")]
                self.expect_list(child, path, params, in_order(rows, (name, fields[name]), way == "desc"))
        clauses = self.clauses(entity, rows, 1)
        for clause in self.some(clauses, 4):
            params = [("filter", written(clause)), ("limit", "50")]
            self.expect_list(child, path, params, [row for row in rows if fits(fields, row, clause)])
        self.expect_list(child, path, [("fields", "sourcedId,status")], rows, project=["sourcedId", "status"])
        self.expect_error(path, 400, "invalid data", [("limit", "0")])
        self.expect_error(path, 400, "invalid_filter_field", [("filter", f"favouriteColour='{NOWHERE}'")])
        self.expect_error(path + "/", 404)
        head, full = self.send("HEAD", path), self.send("GET", path)
        self.check(head_problems(head, full), f"HEAD {path}")

    def check_wrong_parents(self, template, parents):
        whole = COLLECTIONS[parents[0]][3]
        ids = {row["sourcedId"] for row in self.rows[parents[0]]}
        others = [row["sourcedId"] for row in self.rows.get(whole, []) if row["sourcedId"] not in ids]
        second = [row["sourcedId"] for row in self.rows[parents[-1]]][:1] if len(parents) == 2 else []
        for id in self.some(others, 2):
            self.expect_error(path_of(template, id, *second), 404, "unknown object")
        if len(parents) == 2:
            for school in self.some(sorted(ids), 1):
                self.expect_error(path_of(template, school, NOWHERE), 404, "unknown object")
            for row in self.some(self.rows["classes"], 2):
                self.expect_error(path_of(template, NOWHERE, row["sourcedId"]), 404, "unknown object")
                for school in self.some(sorted(ids - {row["school"]["sourcedId"]}), 1):
                    self.expect_error(path_of(template, school, row["sourcedId"]), 404, "unknown object")

    # -- paging --------------------------------------------------------------------------------------------------------

    def check_paging(self):
        for collection, rows in self.rows.items():
            path, count = f"/{collection}", len(rows)
            pairs = [(1, 0), (1, 1), (2, 1), (7, 3), (10, 5), (100, 0), (count or 1, 0), (count + 1, 0), (MOST, 0),
                     (1, max(0, count - 1)), (10, max(0, count - 5)), (5, count), (5, count + 1000), (MOST, MOST),
                     (max(1, count - 1), 1)]
            for limit, offset in dict.fromkeys(pairs):
                if limit <= MOST:
                    self.expect_list(collection, path, [("limit", str(limit)), ("offset", str(offset))], rows)
            self.expect_list(collection, path, [], rows)
            self.expect_list(collection, path, [("offset", "2")], rows)
            for limit in (0, -1, MOST + 1, 99999999999999999999):
                self.expect_error(path, 400, "invalid data", [("limit", str(limit))])
            for text in ("", "abc", "1.5", "1e2", " 5", "5 ", "0x10", "١", "1,2", NOWHERE):
                self.expect_error(path, 400, "invalid data", [("limit", text)])
            for text in ("", "-1", "abc", "0.5", " 0", "٣", NOWHERE):
                self.expect_error(path, 400, "invalid data", [("offset", text)])
            self.expect_status(path, {200, 400}, [("offset", "99999999999999999999")])
            limit = max(1, -(-count // self.dice.randint(4, 9)))
            for params in ([], [("sort", "status"), ("orderBy", "desc")], [("filter", "status='active'")],
                           [("fields", "sourcedId,status"), ("filter", "status!='x y&z=%'")]):
                self.walk(collection, path, params, limit, rows)
            for params in ([], [("limit", "3")], [("limit", "3"), ("offset", "3"), ("filter", "status='active'")]):
                full, head = self.send("GET", path, params), self.send("HEAD", path, params)
                self.check(head_problems(head, full), f"HEAD {path}{encoded(params)}")
        self.check(problems_of_head_error(self.send("HEAD", "/orgs", [("limit", "0")]), 400), "HEAD /orgs?limit=0")
        self.check(problems_of_head_error(self.send("HEAD", f"/orgs/{NOWHERE}"), 404), "HEAD of an unknown object")

    def walk(self, collection, path, params, limit, rows):
        """Follows next to the end, then prev to the start."""
        fields, given = fields_of(COLLECTIONS[collection][0]), dict(params)
        expected = list(rows)
        if "filter" in given:
            name, predicate, value = re.fullmatch(r"(\w+)(!?=)'(.*)'", given["filter"]).groups()
            expected = [row for row in rows if fits(fields, row, (name, predicate, value))]
        if "sort" in given:
            expected = in_order(expected, (given["sort"], fields[given["sort"]]), given["orderBy"] == "desc")
        ids = [row["sourcedId"] for row in expected]
        key = COLLECTIONS[collection][1]
        start = self.base + path + encoded([*params, ("limit", str(limit))])
        last = start
        for way in ("next", "prev"):
            seen, problems = [], []
            url = start if way == "next" else last
            for _ in range(len(ids) // limit + 3):
                answer = self.send("GET", url[len(self.base):])
                body = answer.json()
                if answer.status != 200 or not isinstance(body, dict) or not isinstance(body.get(key), list):
                    problems.append(f"status {answer.status} or no list on the way")
                    break
                page = [row.get("sourcedId") for row in body[key]]
                seen = seen + page if way == "next" else page + seen
                links = links_of(answer)
                last = links.get("last", url)
                if not all(link.startswith(self.base) for link in links.values()):
                    problems.append("a Link outside the base")
                    break
                if way not in links:
                    break
                url = links[way]
            else:
                problems.append(f"no end of {way}")
            if seen != ids and not problems:
                problems.append(difference(seen, ids))
            self.check(problems, f"{way} links of {path}{encoded([*params, ('limit', str(limit))])}")
            if problems:
                return

    # -- sorting -------------------------------------------------------------------------------------------------------

    def check_sorting(self):
        for collection, rows in self.rows.items():
            entity, path = COLLECTIONS[collection][0], f"/{collection}"
            most = ("limit", str(MOST))
            for name, (kind, value) in fields_of(entity).items():
                for way in ("asc", "desc"):
                    params = [("sort", name), ("orderBy", way), most]
                    if kind != "list" and "." not in name:
                        self.expect_list(collection, path, params, in_order(rows, (name, (kind, value)), way == "desc"))
                    else:
                        self.check_open_sort(collection, path, params, rows, name, kind, value, way)
            names = [name for name, (kind, _) in fields_of(entity).items() if kind != "list" and "." not in name]
            for name in self.some(names, 2):
                field = (name, fields_of(entity)[name])
                self.expect_list(collection, path, [("sort", name), most], in_order(rows, field, False))
                params = [("sort", name), ("orderBy", "desc"), ("limit", "7"), ("offset", "4")]
                self.expect_list(collection, path, params, in_order(rows, field, True))
                params = [("sort", name), ("orderBy", "asc"), ("fields", "sourcedId"), most]
                self.expect_list(collection, path, params, in_order(rows, field, False), project=["sourcedId"])
            for name in ("favouriteColour", "password", "sourcedid", "school.name", "'", "sourcedId;--", NOWHERE):
                for params in ([("sort", name), most], [("sort", name), ("orderBy", "desc"), most]):
                    self.expect_list(collection, path, params, rows, warnings=["invalid_sort_field"])
            self.expect_list(collection, path, [("orderBy", "asc"), most], rows)
            params = [("sort", "favouriteColour"), ("fields", "status,shoeSize"), most]
            self.expect_list(collection, path, params, rows, project=["status"],
                             warnings=["invalid_sort_field", "invalid_selection_field"])
            for way in ("", "acs", "ASC", "ascending", "descending", "1", NOWHERE):
                self.expect_error(path, 400, "invalid data", [("sort", "status"), ("orderBy", way)])
            self.expect_error(path, 400, "invalid data", [("orderBy", NOWHERE)])

    def check_open_sort(self, collection, path, params, rows, name, kind, value, way):
        """A list or a member of a reference: by its value, or in default order with a warning; pages are stable."""
        answer = self.send("GET", path, params)
        problems = self.list_problems(answer, collection, path, params, rows, warnings=["invalid_sort_field"])
        if problems:
            problems = self.list_problems(answer, collection, path, params, rows, ordered=False)
            if not problems and kind != "list":
                sorted_rows = in_order(rows, (name, (kind, value)), way == "desc")
                problems = self.list_problems(answer, collection, path, params, sorted_rows)
        self.check(problems, f"GET {path}{encoded(params)}")

    # -- field selection -----------------------------------------------------------------------------------------------

    def check_selection(self):
        for collection, rows in self.rows.items():
            entity, path = COLLECTIONS[collection][0], f"/{collection}"
            names, most = list(ENTITIES[entity]), ("limit", str(MOST))

            def expect(text, project, warned=False):
                warnings = ["invalid_selection_field"] if warned else []
                self.expect_list(collection, path, [("fields", text), most], rows, project=project, warnings=warnings)

            for name in names:
                expect(name, [name])
            for count in (2, 3, 5):
                some = self.some(names, count)
                expect(",".join(some), some)
            expect(",".join(names), names)
            expect("sourcedId,sourcedId", ["sourcedId"])
            expect("favouriteColour", None, True)
            expect("password,metadata2", None, True)
            expect("sourcedId,password", ["sourcedId"], True)
            expect("favouriteColour,shoeSize,status", ["status"], True)
            expect("SOURCEDID,status", ["status"], True)
            expect(f"{NOWHERE},status", ["status"], True)
            for text in ("", " "):
                self.expect_error(path, 400, "invalid_blank_selection_field", [("fields", text)])

    # -- filters -------------------------------------------------------------------------------------------------------

    def clauses(self, entity, rows, values=2):
        """Clauses for each field with each predicate that makes sense, with values from the rows."""
        clauses = []
        for name, (kind, value) in fields_of(entity).items():
            present = sorted({canonical(value(row)) for row in rows if value(row) is not None})
            present = [json.loads(text) for text in present]
            if kind == "boolean":
                clauses += [(name, predicate, text) for predicate in ("=", "!=") for text in ("true", "false")]
            elif kind in ("date", "dateTime"):
                none = "2019-08-01" if kind == "date" else "2019-08-01T00:00:00.000Z"
                for text in self.some(present, values) + [none]:
                    clauses += [(name, predicate, text) for predicate in ("=", "!=", "<", "<=", ">", ">=")]
                if kind == "dateTime":
                    for text in self.some(present, 1):
                        clauses += [(name, predicate, text[:-5] + "Z") for predicate in ("<", ">=")]
            elif kind == "list":
                items = sorted({item for value in present for item in value if "," not in item})
                whole = [value for value in present if all("," not in item for item in value)]
                for value in self.some(whole, values):
                    shuffled = self.dice.sample(value, len(value))
                    text = ",".join(other_case(item) for item in shuffled)
                    clauses += [(name, "=", ",".join(value)), (name, "=", text), (name, "!=", text), (name, "~", text)]
                for item in self.some(items, values):
                    clauses += [(name, "~", item), (name, "~", f"{NOWHERE},{other_case(item)}"), (name, "=", item),
                                (name, "~", item[:-1] or "?"), (name, "!=", item)]
                clauses += [(name, predicate, NOWHERE) for predicate in ("=", "!=", "~")]
            else:
                for text in self.some(present, values):
                    at = self.dice.randrange(max(1, len(text) - 2))
                    part = text[at:at + 3]
                    clauses += [(name, predicate, text) for predicate in ("=", "!=", "<", "<=", ">", ">=", "~")]
                    clauses += [(name, "=", other_case(text)), (name, "~", other_case(part)), (name, "<", other_case(part)),
                                (name, ">=", part), (name, "=", part)]
                clauses += [(name, predicate, NOWHERE) for predicate in ("=", "!=", "<", "<=", ">", ">=", "~")]
        return list(dict.fromkeys(clauses))

    def expect_filter(self, collection, text, expected):
        params = [("filter", text), ("limit", str(MOST)), ("fields", "sourcedId")]
        self.expect_list(collection, f"/{collection}", params, expected, project=["sourcedId"])

    def check_filters(self):
        for collection, rows in self.rows.items():
            entity = COLLECTIONS[collection][0]
            fields = fields_of(entity)
            clauses = self.clauses(entity, rows, 1 if COLLECTIONS[collection][3] else 2)
            for clause in clauses:
                self.expect_filter(collection, written(clause), [row for row in rows if fits(fields, row, clause)])
            self.check_pairs(collection, rows, fields, clauses)
            self.check_texts(collection, rows, fields)
            self.check_bad_filters(collection, fields)
            clause = self.dice.choice(clauses)
            expected = [row for row in rows if fits(fields, row, clause)]
            params = [("filter", written(clause)), ("sort", "dateLastModified"), ("orderBy", "desc"), ("limit", "3")]
            in_time = in_order(expected, ("dateLastModified", fields["dateLastModified"]), True)
            self.expect_list(collection, f"/{collection}", params, in_time)

    def check_pairs(self, collection, rows, fields, clauses):
        for _ in range(12):
            one, two = self.dice.sample(clauses, 2)
            if "," in one[2] or "," in two[2]:
                continue
            for word, both in (("AND", all), ("OR", any)):
                expected = [row for row in rows if both(fits(fields, row, clause) for clause in (one, two))]
                self.expect_filter(collection, f"{written(one)} {word} {written(two)}", expected)
        for row in self.some(rows, 2):
            one, two = ("sourcedId", "=", row["sourcedId"]), ("status", "=", row["status"])
            self.expect_filter(collection, f"{written(one)} AND {written(two)}",
                               [other for other in rows if fits(fields, other, one) and fits(fields, other, two)])
            self.expect_filter(collection, f"{written(one)} OR {written(one)}",
                               [other for other in rows if fits(fields, other, one)])
        plus = f"filter=status%3D%27active%27+AND+sourcedId!%3D%27x%27&limit={MOST}"
        wanted = [row for row in rows if fits(fields, row, ("status", "=", "active"))
                  and fits(fields, row, ("sourcedId", "!=", "x"))]
        answer = self.send("GET", f"/{collection}", plus)
        key, body = COLLECTIONS[collection][1], answer.json()
        right = answer.status == 200 and isinstance(body, dict) and body.get(key) == wanted
        self.check([] if right else [f"status {answer.status} or other rows"], f"GET /{collection} with + for a blank")

    def check_texts(self, collection, rows, fields):
        """Values that a careless parser, LIKE or SQL would misread."""
        texts = [name for name, (kind, _) in fields.items() if kind == "text" and "." not in name]
        quoted = [(name, fields[name][1](row)) for name in texts for row in rows if "'" in (fields[name][1](row) or "")]
        for name, text in self.some(dict.fromkeys(quoted), 3):
            at = text.index("'")
            for clause in ((name, "=", text), (name, "~", text[max(0, at - 1):at + 2]), (name, "!=", text)):
                self.expect_filter(collection, written(clause), [row for row in rows if fits(fields, row, clause)])
        wide = [(name, fields[name][1](row)) for name in texts for row in rows
                if not (fields[name][1](row) or "").isascii()]
        for name, text in self.some(dict.fromkeys(wide), 3):
            part = next(sign for sign in text if not sign.isascii())
            for clause in ((name, "=", other_case(text)), (name, "~", other_case(part)), (name, "~", part)):
                self.expect_filter(collection, written(clause), [row for row in rows if fits(fields, row, clause)])
        name = self.dice.choice(texts)
        for value in ("'", "''", "x' OR 'a'='a", " AND ", "a' AND status='active", "%", "_", "*", "\\", "\\'", "?", ".", "[",
                      "a\nb", "=", "!=", "x,y", "&", "+", "%27", "%20", ";--", "\U0001F392", "", " "):
            for predicate in ("=", "~", "!="):
                clause = (name, predicate, value)
                self.expect_filter(collection, written(clause), [row for row in rows if fits(fields, row, clause)])
        both = (name, "!=", "x' AND y"), ("status", "=", "active")
        expected = [row for row in rows if all(fits(fields, row, clause) for clause in both)]
        self.expect_filter(collection, " AND ".join(map(written, both)), expected)

    def check_bad_filters(self, collection, fields):
        path = f"/{collection}"
        broken = [
            "", " ", "status", "status=", "status=active", "status='active", "status=active'", "='active'", "'active'",
            "status='active' ", " status='active'", "status = 'active'", "status= 'active'", "status =‘active’",
            'status="active"', "status=='active'", "status<>'active'", "status=>'active'", "status!'active'",
            "status='act'ive'", "status='active''", "(status='active')", "NOT status='active'", "status LIKE 'a'",
            "status='active' AND", "status='active' AND ", "AND status='active'", " OR status='active'",
            "status='active' and sourcedId!='x'", "status='active' XOR sourcedId!='x'", "status='active' && sourcedId!='x'",
            "status='active'  AND sourcedId!='x'", "status='active' AND  sourcedId!='x'",
            "status='active'AND sourcedId!='x'",
            "status='active' sourcedId!='x'", "status='active',sourcedId!='x'",
            "status='active' AND sourcedId!='x' AND sourcedId!='y'", "status='active' OR sourcedId!='x' AND sourcedId!='y'",
            f"status='{NOWHERE}", f"{NOWHERE}",
        ]
        for text in broken:
            self.expect_error(path, 400, "invalid data", [("filter", text)])
        self.expect_error(path, 400, "invalid data", "filter=status%3D%27active%27&filter=status%3D%27active%27")
        unknown = ["favouriteColour", "password", "Status", "sourcedID", "status.x", "school.name", "metadata2", "href"]
        unknown += sorted({name.split(".")[0] for name in fields if "." in name})
        unknown += sorted({name.split(".")[0] + ".href" for name in fields if "." in name})
        for name in unknown:
            self.expect_error(path, 400, "invalid_filter_field", [("filter", f"{name}='{NOWHERE}'")])
        for text in (f"status='active' AND favouriteColour='{NOWHERE}'", f"favouriteColour='{NOWHERE}' OR status='active'"):
            self.expect_error(path, 400, "invalid_filter_field", [("filter", text)])
        for name, (kind, _) in fields.items():
            if kind in ("date", "dateTime"):
                for value in (NOWHERE, "", "2026-13-01", "2026-02-30", "01.02.2026", "2026", "20260201T"):
                    for predicate in ("=", "!=", ">="):
                        self.expect_error(path, 400, "invalid data", [("filter", f"{name}{predicate}'{value}'")])
                self.expect_status(path, {200, 400}, [("filter", f"{name}~'2026'")])
            if kind == "boolean":
                for value in (NOWHERE, "", "1", "yes"):
                    self.expect_error(path, 400, "invalid data", [("filter", f"{name}='{value}'")])
                for predicate in ("<", ">=", "~"):
                    self.expect_status(path, {200, 400}, [("filter", f"{name}{predicate}'true'")])
            if kind == "list":
                for predicate in ("<", ">="):
                    self.expect_status(path, {200, 400}, [("filter", f"{name}{predicate}'a'")])

    # -- methods, paths, parameters ------------------------------------------------------------------------------------

    def check_methods(self):
        paths = [f"/{collection}" for collection in self.rows]
        paths += [path_of(f"/{collection}/{{}}", row["sourcedId"]) for collection, rows in self.rows.items()
                  for row in rows[:1]]
        for template, (parents, _, needs) in NESTED.items():
            if ROSTER in self.scopes and not set(needs) & self.absent:
                paths += [path_of(template, *ids) for ids in self.parents_of(template, parents)[:1]]
        for path in paths:
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                body = None if method == "DELETE" else b'{"user":{}}'
                answer = self.send(method, path, headers={"Content-Type": "application/json"}, body=body)
                self.check(problems_of_error(answer, 405), f"{method} {path}")
        for method in ("OPTIONS", "PROPFIND"):
            answer = self.send(method, "/orgs")
            self.check([] if answer.status in (204, 200, 405, 501) else [f"status {answer.status}"], f"{method} /orgs")

    def check_strange(self):
        for path in ("", "/", "/nothing", "/Users", "/users/", "//users", "/users//", "/user", "/lineItems", "/results",
                     "/categories", "/resources", "/orgs.json", "/schools/x/nothing", "/users/x/y/z", "/%2e%2e/token",
                     "/classes/x/students/y", "/schools//classes", "/demographics/", f"/{NOWHERE}"):
            self.expect_error(path, 404, "unknown object")
        row = self.rows["orgs"][0] if self.rows["orgs"] else None
        if row:
            self.expect_error(path_of("/orgs/{}/classes", row["sourcedId"]), 404, "unknown object")
        rows = self.rows["orgs"]
        for params in ([("favourite", "blue")], [("Limit", "1")], [("continuationToken", "x")], [("filter2", "x")]):
            answer = self.send("GET", "/orgs", params)
            right = answer.status == 200 and answer.json() == {"orgs": rows[:100]}
            self.check([] if right else [f"status {answer.status} or other rows"], f"GET /orgs{encoded(params)}")
        for name, value in (("limit", "5"), ("offset", "0"), ("sort", "status"), ("orderBy", "asc"), ("fields", "status"),
                            ("filter", "status%3D%27active%27")):
            self.expect_error("/orgs", 400, "invalid data", f"{name}={value}&{name}={value}")
            self.expect_error("/orgs", 400, "invalid data", f"{name}={value}&status=1&{name}=")
        for bad in ("%", "%Z", "%zz", "%2", "%FF", "%C3%28", "%ED%A0%80"):
            for name in ("filter", "sort", "fields", "limit"):
                self.expect_error("/orgs", 400, "invalid data", f"{name}={bad}")
        self.expect_error("/orgs", 400, "invalid data", "filter=name~%27%FF%27")
        for params in ("filter=name~%27%00%27", "sort=%00", "fields=%00", "&&&", "=", "limit", "?", "filter=" + "a" * 5000):
            answer = self.send("GET", "/orgs", params)
            self.check([] if answer.status in (200, 400, 414, 431) else [f"status {answer.status}"],
                       f"GET /orgs?{params[:40]}")
        self.expect_list("orgs", "/orgs", [("limit", "10"), ("filter", "name!='" + "ä€𝄞" * 200 + "'")], rows)
        for name, value in (("Accept", "*/*"), ("Accept", "application/json"), ("Accept-Encoding", "identity")):
            answer = self.send("GET", "/orgs", headers={name: value})
            self.check([] if answer.status == 200 else [f"status {answer.status}"], f"{name}: {value}")

    # -- authorization -------------------------------------------------------------------------------------------------

    def check_authorization(self):
        paths = [f"/{collection}" for collection in COLLECTIONS] + [f"/{collection}/x" for collection in COLLECTIONS]
        paths += [path_of(template, *["x"] * len(parents)) for template, (parents, _, _) in NESTED.items()]
        for path in paths:
            self.expect_error(path, 401, "unauthorized", token=None)
        for value in ("Bearer", "Bearer ", f"Bearer {NOWHERE}", f"Bearer {self.token}x", f"Bearer {self.token[:-1]}",
                      f"Basic {self.token}", self.token, f"Bearer {self.token} x", f"Token {self.token}",
                      "Basic " + base64.b64encode(f"{self.id}:{self.secret}".encode()).decode(), f"Bearer {self.secret}"):
            answer = self.send("GET", "/orgs", token=None, headers={"Authorization": value})
            self.check(problems_of_error(answer, 401, "unauthorized"), f"Authorization {value.split(' ')[0]} (wrong)")
        flipped = self.token.swapcase()
        if flipped != self.token:
            self.expect_error("/orgs", 401, "unauthorized", token=flipped)
        self.expect_error("/orgs", 401, "unauthorized", [("limit", "0")], token=None)
        self.expect_error("/orgs", 401, "unauthorized", [("access_token", self.token)], token=None)
        answer = self.send("GET", "/orgs", token=None, headers={"Authorization": f"bearer {self.token}"})
        self.check([] if answer.status == 200 else [f"status {answer.status}"], "the scheme in lower case (RFC 9110 11.1)")
        answer = self.send("HEAD", "/orgs", token=None)
        self.check([] if answer.status == 401 and not answer.body else [f"status {answer.status}"], "HEAD without a token")

    def check_scopes(self):
        for scope in sorted(self.scopes):
            answer = self.ask_token({"grant_type": "client_credentials", "scope": SCOPE + scope}, (self.id, self.secret))
            if answer.status == 200:
                self.check_paths_of({scope}, answer.json()["access_token"], scope)
        if not self.limited:
            return
        answer = self.ask_token({"grant_type": "client_credentials"}, tuple(self.limited))
        if not self.check(self.token_problems(answer), "the limited client"):
            return
        scopes = scopes_of(answer.json())
        self.check([] if scopes < {CORE, ROSTER, DEMOGRAPHICS} else ["it has all scopes"], "scopes of the limited client")
        self.check_paths_of(scopes, answer.json()["access_token"], "limited client")
        for scope in sorted({CORE, ROSTER, DEMOGRAPHICS} - scopes):
            answer = self.ask_token({"grant_type": "client_credentials", "scope": scope}, tuple(self.limited))
            self.expect_refusal(f"limited client asks for {scope}", answer, [(400, "invalid_scope")])
        answer = self.ask_token({"grant_type": "client_credentials"}, (self.limited[0], self.secret))
        self.expect_refusal("limited client with the other's secret", answer, [(401, "invalid_client")])

    def check_paths_of(self, scopes, token, who):
        def expect(path, opened, served):
            answer = self.send("GET", path, token=token)
            wanted = {200 if served else 404} if opened else {403} if served else {403, 404}
            problems = [] if answer.status in wanted else [f"status {answer.status} is none of {sorted(wanted)}"]
            if not problems and answer.status != 200:
                problems = problems_of_error(answer, answer.status)
            self.check(problems, f"{who}: GET {path}")
        for collection in COLLECTIONS:
            if collection in self.closed:
                continue
            opened = bool(scopes & ({DEMOGRAPHICS} if collection == "demographics" else {CORE, ROSTER}))
            expect(f"/{collection}", opened, collection in self.rows)
            for row in self.rows.get(collection, [])[:1]:
                expect(path_of(f"/{collection}/{{}}", row["sourcedId"]), opened, True)
        for template, (parents, _, needs) in NESTED.items():
            if not set(needs) & (self.absent | self.closed):
                for ids in self.parents_of(template, parents)[:1]:
                    expect(path_of(template, *ids), ROSTER in scopes, True)

    # ------------------------------------------------------------------------------------------------------------------

    def run(self):
        started = time.monotonic()
        steps = {
            "openapi": self.check_description, "token": self.check_tokens, "rows": self.read_all,
            "references": self.check_references, "objects": self.check_objects, "nested": self.check_nested,
            "paging": self.check_paging, "sort": self.check_sorting, "fields": self.check_selection, "filter": self.check_filters,
            "methods": self.check_methods, "requests": self.check_strange, "authorization": self.check_authorization,
            "scopes": self.check_scopes,
        }
        for self.section, step in steps.items():
            try:
                step()
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                # A row that is not of the schema, which has been reported already.
                self.check([f"{type(error).__name__} {error}"], "the rest of this section")
            except (OSError, http.client.HTTPException) as error:
                self.check([f"{type(error).__name__} {error}"], "the rest of this section: no answer")
        self.section = "end"
        self.check(sorted(set(Host.complaints)), "answers with 429")
        for collection, rows in self.rows.items():
            answer = self.send("GET", f"/{collection}", [("limit", str(MOST))])
            same = answer.status == 200 and answer.json() == {COLLECTIONS[collection][1]: rows[:MOST]}
            self.check([] if same else ["the rows changed meanwhile"], f"{collection} at the end")
        for text in self.notes:
            print(f"note: {text}")
        print("rows: " + ", ".join(f"{name} {len(rows)}" for name, rows in self.rows.items()))
        if self.absent or self.closed:
            print(f"not served: {', '.join(sorted(self.absent)) or 'none'}; outside the scopes: "
                  f"{', '.join(sorted(self.closed)) or 'none'}")
        print("checks: " + ", ".join(f"{name} {count}" for name, count in self.counts.items()))
        print(f"{self.checks} checks, {self.failures} failed, {Host.requests} requests, {Host.waits} times 429 "
              f"({Host.waited} s), {time.monotonic() - started:.1f} s")
        return 1 if self.failures else 0


def canonical(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def scopes_of(body):
    scope = body.get("scope")
    return {name.removeprefix(SCOPE) for name in scope.split()} if isinstance(scope, str) else set()


def encoded_query(url):
    """The part of an address behind its path, for `Host.send`."""
    query = urlsplit(url).query
    return f"?{query}" if query else ""


def difference(has, wanted):
    if len(has) != len(wanted):
        return f"{len(has)} rows instead of {len(wanted)}"
    at = next(at for at, pair in enumerate(zip(has, wanted)) if pair[0] != pair[1])
    same = sorted(map(canonical, has)) == sorted(map(canonical, wanted))
    return f"another {'order' if same else 'row'} at {at} of {len(wanted)}"


def head_problems(head, full):
    problems = [] if head.status == full.status == 200 else [f"status {head.status}"]
    if head.body:
        problems.append("a body")
    for name in ("X-Total-Count", "Link", "Content-Type"):
        if head.header(name) != full.header(name):
            problems.append(f"another {name} than GET")
    return problems


def problems_of_head_error(answer, status):
    return [] if answer.status == status and not answer.body else [f"status {answer.status}, {len(answer.body)} bytes"]


def main():
    parser = argparse.ArgumentParser(description="Checks a OneRoster 1.1 service.")
    parser.add_argument("base", help="the address that ends in /ims/oneroster/v1p1")
    parser.add_argument("token_url")
    parser.add_argument("id", help="a client with all scopes that the service has")
    parser.add_argument("secret")
    parser.add_argument("--limited", nargs=2, metavar=("ID", "SECRET"), help="a client with fewer scopes")
    parser.add_argument("--absent", metavar="NAMES", help="collections that must be 404, with commas; all others must not")
    parser.add_argument("--seed", type=int, default=20260901, help="for the choice of rows and values")
    parser.add_argument("--verbose", action="store_true", help="prints the checks that pass, too")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    sys.exit(Checker(options).run())


if __name__ == "__main__":
    main()
