"""What a proxy with an example of ours must do: seen by a client, by the application behind it, and in the account.

suite.py PROXY TOLLGATE APP PORT PORT_WITHOUT_CHECK     (the last four are ports of this machine)
"""

import base64
import collections
import concurrent.futures
import hashlib
import http.client
import json
import os
import posixpath
import re
import socket
import sys
import time
import urllib.parse

PROXY = sys.argv[1]
TOLLGATE, APP, PORT, WITHOUT_CHECK = map(int, sys.argv[2:])
NAMES = [f"x-auth-{last}" for last in "user-id user-email plan permissions subject-type token".split()]
FORGED = "somebody-else"
# What a name without a value comes to: nginx passes on none.
EMPTY = [] if PROXY == "nginx" else [""]

Answer = collections.namedtuple("Answer", "status headers body")
Buyer = collections.namedtuple("Buyer", "id email token key")


# --- calls, as they are written ------------------------------------------------------------------


def send(port, method="GET", target="/", headers=(), body=None, chunks=None):
    """One call on a connection of its own, byte by byte what is said here. 0: it was hung up on."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    if not any(name.lower() == "connection" for name, _ in headers):
        lines.append("Connection: close")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if chunks is not None:
        lines.append("Transfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        try:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))
            for chunk in chunks or ():
                connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            if chunks is not None:
                connection.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # It may have answered before it had read all.
        try:
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            text = response.read()
        except (ConnectionError, http.client.BadStatusLine):
            return Answer(0, {}, None)
    try:
        text = json.loads(text)
    except ValueError:
        text = text.decode("latin-1")
    return Answer(response.status, response.headers, text)


def call(target="/", who=None, *headers, method="GET", **more):
    """Through the proxy, with the key of somebody."""
    shown = [("X-API-Key", who.key)] if who else []
    return send(PORT, method, target, [*shown, *headers], **more)


def ask(method, path, credential="", body=None, expected=200):
    """The service itself."""
    text = None if body is None else json.dumps(body).encode()
    headers = [("Content-Type", "application/json")] if body is not None else []
    if credential:
        headers.append(("Authorization", f"Bearer {credential}"))
    answer = send(TOLLGATE, method, path, headers, body=text)
    assert answer.status == expected, f"{method} {path}: {answer.status} {answer.body}"
    return answer.body


def told(answer):
    """What the application was sent: every value of a name."""
    assert answer.status == 200 and isinstance(answer.body, dict), show(answer)
    sent = collections.defaultdict(list)
    for name, value in answer.body["headers"]:
        sent[name].append(value)
    return sent


def refused(answer, status, code):
    assert answer.status == status, show(answer)
    assert isinstance(answer.body, dict) and answer.body["code"] == code, show(answer)


def show(answer):
    return f"{answer.status} {answer.body!r:.2000} {list(getattr(answer.headers, 'items', dict)())}"


def calls():
    return send(APP, target="/_calls").body["calls"]


def used(buyer):
    return ask("GET", "/usage/summary", buyer.key)["quota"]["used"]


# --- accounts ------------------------------------------------------------------------------------

ADMIN = {"email": os.environ["ADMIN_EMAIL"], "password": os.environ["ADMIN_PASSWORD"]}


def buyer(name, plan=None, units=0):
    login = {"email": f"{name}-{PROXY}@example.com", "password": f"correct horse {name} battery"}
    ask("POST", "/auth/register", body={**login, "username": f"{name}-{PROXY}"}, expected=201)
    token = ask("POST", "/auth/login", body=login)["access_token"]
    key = ask("POST", "/auth/api-keys", token, {"name": "proxy"}, 201)["key"]
    made = Buyer(ask("GET", "/auth/me", token)["id"], login["email"], token, key)
    if plan == "free":
        ask("POST", "/payments/subscriptions/subscribe", token, {"plan_slug": "free"}, 201)
    elif plan:
        grant(made, plan_slug=plan)
    if units:
        grant(made, units=units)
    return made


def grant(buyer, **what):
    token = ask("POST", "/auth/login", body=ADMIN)["access_token"]
    ask("POST", f"/admin/users/{buyer.id}/grant", token, {**what, "reason": "a test"}, 201)


# --- cases ---------------------------------------------------------------------------------------

CASES = []


def case(title):
    def keep(check):
        CASES.append((title, check))
        return check

    return keep


@case("no credential: 401, and the application hears nothing")
def _():
    before = calls()
    for target in ["/", "/x", "/reports/x", "/process/x"]:
        for method in ["GET", "POST", "PUT", "DELETE"]:
            answer = call(target, method=method, body=b"{}" if method == "POST" else None)
            refused(answer, 401, "unauthenticated")
            assert answer.headers.get_all("WWW-Authenticate") == ["Bearer"], show(answer)
        assert call(target, method="HEAD").status == 401
    assert calls() == before


@case("a credential that is none: 401, and why")
def _():
    for shown in [
        ("X-API-Key", "tg_live_rubbish"),
        ("X-API-Key", rich.key[:-1]),
        ("Authorization", "Bearer rubbish"),
        ("Authorization", "Bearer a.b.c"),
        ("Authorization", "Basic YTpi"),
    ]:
        code = send(TOLLGATE, "GET", "/auth/forward", [shown]).headers["X-Auth-Error"]
        for target in ["/", "/reports/x", "/process/x"]:
            refused(call(target, None, shown), 401, code)


def named(sent, who, plan, kind):
    """The application knows who calls, by all six names."""
    values = [sent[name] for name in NAMES[:5]]
    assert values == [[who.id], [who.email], [plan] if plan else EMPTY, EMPTY, [kind]], dict(sent)
    (token,) = sent["x-auth-token"]
    middle = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    assert (claims["sub"], claims["plan"], claims["subject_type"]) == (who.id, plan or None, kind), claims


@case("a key: the application is told by six names, and not given the key")
def _():
    for shown in [("X-API-Key", free.key), ("Authorization", f"Bearer {free.key}")]:
        sent = told(call("/x?y=1", None, shown))
        named(sent, free, "free", "api_key")
        assert free.key not in json.dumps(sent), dict(sent)
        assert "authorization" not in sent and "x-api-key" not in sent, dict(sent)


@case("an access token: subject type user, and not given the token")
def _():
    sent = told(call("/x", None, ("Authorization", f"Bearer {pro.token}")))
    named(sent, pro, "pro", "user")
    assert pro.token not in json.dumps(sent), dict(sent)


@case("method, path, query and other headers of a call arrive")
def _():
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]:
        answer = call("/a/b?c=d%20e&f=g", rich, ("X-Other", "it"), method=method)
        assert told(answer)["x-other"] == ["it"], show(answer)
        assert (answer.body["method"], answer.body["target"]) == (method, "/a/b?c=d%20e&f=g"), show(answer)


@case("no plan: 402 subscription_required")
def _():
    refused(call("/reports/x", none), 402, "subscription_required")
    refused(call("/process/x", none), 402, "subscription_required")
    assert told(call("/x", none))["x-auth-user-id"] == [none.id]


@case("another plan: 402 plan_required; the right one: 200")
def _():
    refused(call("/reports/x", free), 402, "plan_required")
    assert told(call("/reports/x", pro))["x-auth-plan"] == ["pro"]


@case("a call of /process costs one unit, others none")
def _():
    before = used(rich)
    for target in ["/", "/x", "/processes", "/health"]:
        told(call(target, rich))
    assert used(rich) == before
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"]:
        told(call("/process/x", rich, method=method))
        before += 1
        assert used(rich) == before, method


@case("the quota is spent: 429 with Retry-After")
def _():
    for _ in range(10 - used(free)):
        told(call("/process/x", free))
    before = calls()
    answer = call("/process/x", free)
    refused(answer, 429, "quota_exceeded")
    assert int(answer.headers["Retry-After"]) > 0, show(answer)
    assert (used(free), calls()) == (10, before)
    told(call("/x", free))


@case("two credentials that differ: 400 or 403")
def _():
    answer = call("/x", free, ("Authorization", f"Bearer {rich.key}"))
    assert answer.status in (400, 403) and answer.body["code"] == "two_credentials", show(answer)


@case("/health is open: nobody is named there, and no key passed on")
def _():
    for shown in [[], [("X-API-Key", free.key)], [("Authorization", f"Bearer {free.key}")]]:
        sent = told(call("/health", None, *shown))
        assert free.key not in json.dumps(sent), dict(sent)
    for forged in spellings():
        answer = call("/health", None, *forged)
        if forged[0][0] == "Connection" and answer.status == 400:
            continue
        sent = told(answer)
        assert FORGED not in json.dumps(sent), dict(sent)
        assert not any(re.sub("[_.]", "-", name).startswith("x-auth-") for name in sent), dict(sent)


@case("forged X-Auth-* names never arrive: dashes, underscores, dots, twice, capitals")
def _():
    asked = [("/x", none, ""), ("/x", rich, "free"), ("/process/x", rich, "free"), ("/reports/x", pro, "pro")]
    for target, who, plan in asked:
        for forged in spellings():
            answer = call(target, who, *forged)
            if forged[0][0] == "Connection" and answer.status == 400:
                continue
            sent = told(answer)
            assert FORGED not in json.dumps(sent), dict(sent)
            named(sent, who, plan, "api_key")
    for forged in spellings():
        assert call("/x", None, *forged).status in (400, 401)


def spellings():
    yield [(name, FORGED) for name in NAMES]
    yield [(name.upper(), FORGED) for name in NAMES] * 2
    yield [(name.replace("-", "_"), FORGED) for name in NAMES]
    yield [(name.replace("-", "_").upper(), FORGED) for name in NAMES]
    yield [(name.replace("x-auth-", "X-Auth_"), FORGED) for name in NAMES]
    yield [(name.replace("x-auth-", "x_auth-"), FORGED) for name in NAMES]
    yield [(name.replace("-", "."), FORGED) for name in NAMES]
    yield [(name.replace("x-auth-", "X-Auth."), FORGED) for name in NAMES]
    # Names that the next one on the way is to drop.
    yield [("Connection", "close, " + ", ".join(NAMES)), *((name, FORGED) for name in NAMES)]


@case("a policy in the client's path lets nobody in")
def _():
    policies = "~plan=free;allow_options=1 ~allow_options=1 ~status=exact ~ ~plan=free auth/forward?allow_options=1"
    before = calls()
    for policy in policies.split():
        for base in ["/", "/process/", "/reports/"]:
            for method in ["GET", "OPTIONS"]:
                answer = call(f"{base}{policy}/x", method=method)
                assert answer.status == 401, f"{base}{policy} {show(answer)}"
        assert call(f"/reports/{policy}", free).status == 402
    assert calls() == before


@case("a policy in the client's query lets nobody in, and charges nobody less")
def _():
    queries = "consume=0&plan=free allow_options=1 plan=free consume=0 cost=0 &resource_type=x status=exact&consume=0"
    before = used(rich)
    for query in queries.split():
        for base in ["/", "/process/x", "/reports/x"]:
            for method in ["GET", "OPTIONS"]:
                refused(call(f"{base}?{query}", method=method), 401, "unauthenticated")
        refused(call(f"/reports/x?{query}", free), 402, "plan_required")
        answer = call(f"/process/x?{query}", rich)
        assert told(answer) and answer.body["target"] == f"/process/x?{query}", show(answer)
        before += 1
        assert used(rich) == before, query


@case("headers that speak for the proxy let nobody in, and charge nobody less")
def _():
    lies = [
        [("X-Forwarded-Method", "OPTIONS")],
        [("X-Forwarded-Uri", "/health")],
        [("X-Forwarded-Uri", "/auth/forward?allow_options=1"), ("X-Forwarded-Method", "OPTIONS")],
        [("X-Original-Url", "/health"), ("X-Rewrite-Url", "/health"), ("X-Original-Method", "OPTIONS")],
        [("X-Http-Method-Override", "OPTIONS")],
        [("X-Envoy-Original-Path", "/health"), ("X-Envoy-Internal", "true")],
        [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", "tollgate"), ("X-Forwarded-Proto", "https")],
        [("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "POST")],
    ]
    before = used(rich)
    for lie in lies:
        for target in ["/x", "/process/x", "/reports/x"]:
            for method in ["GET", "POST", "OPTIONS"]:
                refused(call(target, None, *lie, method=method), 401, "unauthenticated")
        refused(call("/reports/x", free, *lie), 402, "plan_required")
        answer = call("/process/x", rich, *lie)
        assert told(answer) and answer.body["target"] == "/process/x", show(answer)
        before += 1
        assert used(rich) == before, lie


@case("OPTIONS without a credential: 401; with one it costs as any other")
def _():
    before = calls(), used(rich)
    for target in ["/", "/x", "/process/x", "/reports/x"]:
        refused(call(target, method="OPTIONS"), 401, "unauthenticated")
    call("*", method="OPTIONS")  # Is for the proxy itself; some answer, none passes it on.
    assert calls() == before[0]
    told(call("/process/x", rich, method="OPTIONS"))
    assert used(rich) == before[1] + 1


ODD = """
/process/%2e%2e/x /process/../x /process/%2E%2E/health /process/../health /process/..%2fhealth /process/x/../../health
//process/x /x//process/y ///process//x /./process/x /process/./x /process//x /process/.. /process/%2e
/x/../process/y /x/%2e%2e/process/y /x%2f..%2fprocess/y /x/..%2fprocess/y /x/..%5cprocess/y /x/..\\process/y
/%70rocess/x /%70%72ocess/x /process%2fx /process%2Fx /process%5cx /process\\x /\\process/x /%5cprocess/x /%2fprocess/x
/health/../process/x /health/%2e%2e/process/x /health%2f..%2fprocess/x /health/..%2f/process/x //health
/health/ /health/. /health%00 /health%20 /health. /HEALTH /Health /health%0a /PROCESS/x /process/x. /process./x
/health;x /health?/../process/x /health#/process/x /%68ealth /health%2f /health/../x
/process;a=b/x /process/;/x /;/process/x /process%3b/x /%2570rocess/x /process/%252e%252e/x /process%252fx
/process/a%2fb /process/a;b?c /process/%e4%bd%a0 /process/%0d%0aX-Auth-Plan:%20enterprise /process/a%3fb /process/a%23b
/reports/../process/x /reports/%2e%2e/process/x /_process /_reports /_anybody /process /reports
""".split()


def readings(target):
    """What applications may take a path for."""
    path = target.split("?")[0].split("#")[0]
    # One spelling of the same (RFC 3986 §6.2.2.2); what is open to dispute begins behind it.
    plain = "%(2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])"
    path = re.sub(plain, lambda code: urllib.parse.unquote(code[0]), path)
    found = set()
    for decoded in {path, urllib.parse.unquote(path, "latin-1")}:
        for slashed in {decoded, decoded.replace("\\", "/")}:
            for merged in {slashed, re.sub("/+", "/", slashed)}:
                tidy = posixpath.normpath(merged)
                found |= {merged, re.sub("^//", "/", tidy)}
    return found


def is_within(path, folder):
    return path.startswith(folder + "/") and len(path) > len(folder) + 1


def judge(target, answer, credential, cost):
    """What the application was given, if anything, may be nothing that was to be asked or paid for."""
    if answer.status != 200:
        return
    assert isinstance(answer.body, dict) and answer.body.get("upstream"), f"{target}: {show(answer)}"
    given = answer.body["target"]
    read = readings(given)
    assert "x-api-key" not in told(answer), f"{target}: {show(answer)}"
    if credential is None:
        assert read == {"/health"}, f"{target}: open as {given}"
    if any(is_within(path, "/process") for path in read):
        assert cost == 1, f"{target}: passed on as {given} for {cost} units"
    if any(is_within(path, "/reports") for path in read):
        assert credential is pro, f"{target}: passed on as {given} without the plan"


@case(f"{len(ODD)} paths with several readings: any as /process is paid for, any other than /health is asked for")
def _():
    # Absolute addresses too.
    for target in [*ODD, f"http://127.0.0.1:{PORT}/process/x", "http://elsewhere.example/process/x", "http:/process/x"]:
        judge(target, call(target), None, 0)
        for method in ["GET", "POST"]:
            before = used(rich)
            judge(target, call(target, rich, method=method), rich, used(rich) - before)
    for target in [f"{odd}?consume=0" for odd in ODD if "?" not in odd]:
        before = used(rich)
        judge(target, call(target, rich), rich, used(rich) - before)
    # So that it is not by refusing everything that this holds.
    before = used(rich)
    assert call("/process/a-b_c.d~e/%e4%bd%a0", rich).status == 200 and used(rich) == before + 1


@case("two calls on a connection are two calls")
def _():
    before = used(rich)
    one = "GET /process/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    shown = f"X-API-Key: {rich.key}\r\n"
    text = f"{one}{shown}\r\n{one}\r\n{one}{shown}Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as connection:
        connection.sendall(text.encode())
        heard = b""
        while piece := connection.recv(65536):
            heard += piece
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", heard)]
    assert statuses == [200, 401, 200], statuses
    assert used(rich) == before + 2


@case("a mebibyte of body arrives whole, by length and in chunks, and costs one unit")
def _():
    body = os.urandom(1 << 20)
    whole = {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    pieces = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
    for target in ["/x", "/process/x"]:
        for sent in [{"body": body}, {"chunks": pieces}]:
            before = used(rich)
            answer = call(target, rich, method="POST", **sent)
            assert told(answer) and answer.body["body"] == whole, show(answer)
            assert used(rich) == before + (target == "/process/x")
    before = calls()
    answer = call("/process/x", None, method="POST", body=body)
    assert answer.status in (0, 401) and calls() == before, show(answer)


@case("200 calls at once on 100 units: 100 are let through, and the counter says 100")
def _():
    assert used(hundred) == 0
    before = calls()
    with concurrent.futures.ThreadPoolExecutor(200) as clients:
        answers = list(clients.map(lambda at: call(f"/process/{at}", hundred), range(200)))
    statuses = collections.Counter(answer.status for answer in answers)
    assert statuses == {200: 100, 429: 100}, statuses
    assert (calls() - before, used(hundred)) == (100, 100)


@case("the check is away: nobody gets in, /health stays open")
def _():
    before = calls()
    for target in ["/", "/x", "/process/x", "/reports/x"]:
        for who in [None, rich, pro]:
            for method in ["GET", "POST", "OPTIONS"]:
                shown = [("X-API-Key", who.key)] if who else []
                answer = send(WITHOUT_CHECK, method, target, shown)
                assert answer.status == 403 or answer.status >= 500, show(answer)
    assert calls() == before
    assert send(WITHOUT_CHECK, target="/health").status == 200


def ready(port):
    for _ in range(200):
        if send(port, target="/health").status == 200:
            return
        time.sleep(0.1)
    raise AssertionError(f"{PROXY} does not come to answer")


if __name__ == "__main__":
    ready(PORT)
    ready(WITHOUT_CHECK)
    none, free, rich = buyer("none"), buyer("free", "free"), buyer("rich", "free", 5_000)
    hundred, pro = buyer("hundred", "free", 90), buyer("pro", "pro")
    for passed, (title, check) in enumerate(CASES):
        try:
            check()
        except Exception as fault:
            print(f"{PROXY:8} FAILED  {title}\n\n{type(fault).__name__}: {fault}", flush=True)
            print(f"\n{PROXY}: {passed} passed, 1 failed", flush=True)
            sys.exit(1)
        print(f"{PROXY:8} ok      {title}", flush=True)
    print(f"{PROXY}: {len(CASES)} passed, 0 failed", flush=True)
