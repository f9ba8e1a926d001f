"""Purchases and refunds through Alipay's official SDK. Usage: purchase.py URL FOLDER-OF-KEYS

The SDK knows public-key mode only; it has no certificates. Every answer it gives has passed its own check of
the signature: a wrong one raises.
"""

import base64
import html
import http.client
import json
import os
import queue
import re
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

# The SDK signs the local time, and Alipay means Beijing's.
os.environ["TZ"] = "Asia/Shanghai"
time.tzset()

from alipay.aop.api.AlipayClientConfig import AlipayClientConfig
from alipay.aop.api.DefaultAlipayClient import DefaultAlipayClient
from alipay.aop.api.exception.Exception import ResponseException
from alipay.aop.api.domain.AlipayTradeAppPayModel import AlipayTradeAppPayModel
from alipay.aop.api.domain.AlipayTradeCancelModel import AlipayTradeCancelModel
from alipay.aop.api.domain.AlipayTradeCloseModel import AlipayTradeCloseModel
from alipay.aop.api.domain.AlipayTradeFastpayRefundQueryModel import AlipayTradeFastpayRefundQueryModel
from alipay.aop.api.domain.AlipayTradePagePayModel import AlipayTradePagePayModel
from alipay.aop.api.domain.AlipayTradePrecreateModel import AlipayTradePrecreateModel
from alipay.aop.api.domain.AlipayTradeQueryModel import AlipayTradeQueryModel
from alipay.aop.api.domain.AlipayTradeRefundModel import AlipayTradeRefundModel
from alipay.aop.api.domain.AlipayTradeWapPayModel import AlipayTradeWapPayModel
from alipay.aop.api.request.AlipayTradeAppPayRequest import AlipayTradeAppPayRequest
from alipay.aop.api.request.AlipayTradeCancelRequest import AlipayTradeCancelRequest
from alipay.aop.api.request.AlipayTradeCloseRequest import AlipayTradeCloseRequest
from alipay.aop.api.request.AlipayTradeFastpayRefundQueryRequest import AlipayTradeFastpayRefundQueryRequest
from alipay.aop.api.request.AlipayTradePagePayRequest import AlipayTradePagePayRequest
from alipay.aop.api.request.AlipayTradePrecreateRequest import AlipayTradePrecreateRequest
from alipay.aop.api.request.AlipayTradeQueryRequest import AlipayTradeQueryRequest
from alipay.aop.api.request.AlipayTradeRefundRequest import AlipayTradeRefundRequest
from alipay.aop.api.request.AlipayTradeWapPayRequest import AlipayTradeWapPayRequest
from alipay.aop.api.response.AlipayTradeCancelResponse import AlipayTradeCancelResponse
from alipay.aop.api.response.AlipayTradeCloseResponse import AlipayTradeCloseResponse
from alipay.aop.api.response.AlipayTradeFastpayRefundQueryResponse import AlipayTradeFastpayRefundQueryResponse
from alipay.aop.api.response.AlipayTradePrecreateResponse import AlipayTradePrecreateResponse
from alipay.aop.api.response.AlipayTradeQueryResponse import AlipayTradeQueryResponse
from alipay.aop.api.response.AlipayTradeRefundResponse import AlipayTradeRefundResponse
from alipay.aop.api.util import WebUtils
from alipay.aop.api.util.SignatureUtils import get_sign_content, verify_with_rsa
from pyasn1.codec.der import decoder

URL, KEYS = sys.argv[1], sys.argv[2]
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def connection(url, query, timeout):
    """The SDK's own, which knows the ports 80 and 443 only, with the port of the address. As there, the whole
    address is in the request line."""
    return f"{url}?{query}", http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=timeout)


WebUtils.get_http_connection = connection


def same(given, wanted, what):
    if given != wanted:
        raise SystemExit(f"{what}: {given!r} and not {wanted!r}")


def fetch(url, body=None, content_type="application/x-www-form-urlencoded", method=None):
    """Text of an answer that must be a success."""
    request = urllib.request.Request(url, data=body, method=method)
    request.add_header("accept", "application/json" if "/pay/" in url and body is not None else "*/*")
    if body is not None:
        request.add_header("content-type", content_type)
    with OPENER.open(request, timeout=20) as answer:
        return answer.read().decode()


def post_json(path, document):
    return fetch(URL + path, json.dumps(document).encode(), "application/json")


class Notices(BaseHTTPRequestHandler):
    """A merchant's callback address."""

    arrived = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.arrived.put(dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"success")

    def log_message(self, *_):
        pass


def client():
    merchant = json.loads(fetch(URL + "/sandbox/alipay/merchant"))
    with open(os.path.join(KEYS, "appPrivateKey.pem"), encoding="ascii") as file:
        pkcs8 = base64.b64decode("".join(file.read().split("\n")[1:-2]))
    # The SDK reads PKCS#1: the text inside PKCS#8.
    pkcs1 = bytes(decoder.decode(pkcs8)[0][2])
    config = AlipayClientConfig()
    config.server_url = merchant["gateway"]
    config.app_id = merchant["public_key_mode"]["app_id"]
    config.app_private_key = base64.b64encode(pkcs1).decode()
    config.alipay_public_key = merchant["public_key_mode"]["alipay_public_key"]
    return DefaultAlipayClient(alipay_client_config=config), config


CLIENT, CONFIG = client()
SERVER = HTTPServer(("127.0.0.1", 0), Notices)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
NOTIFY = f"http://127.0.0.1:{SERVER.server_port}/notices"


def filled(model, **members):
    for name, value in members.items():
        setattr(model, name, value)
    return model


def call(request, response, model, notify=False):
    """One call through the SDK, which checks the answer's signature."""
    request = request(biz_model=model)
    if notify:
        request.notify_url = NOTIFY
    answer = response()
    answer.parse_response_content(CLIENT.execute(request))
    return answer


def query(number):
    return call(AlipayTradeQueryRequest, AlipayTradeQueryResponse, filled(AlipayTradeQueryModel(), out_trade_no=number))


def genuine(fields):
    """The SDK's own verification of a notice or a way back."""
    fields = dict(fields)
    sign = fields.pop("sign")
    same(fields.pop("sign_type"), "RSA2", "sign_type")
    return verify_with_rsa(CONFIG.alipay_public_key, get_sign_content(fields).encode(), sign)


def notice(**wanted):
    fields = Notices.arrived.get(timeout=20)
    if not genuine(fields):
        raise SystemExit(f"the SDK does not verify {fields}")
    for name, value in wanted.items():
        same(fields.get(name), value, f"{name} of the notice")
    return fields


def pays(phone):
    paid = json.loads(fetch(phone + "/pay", b""))
    same(paid["trade_status"], "TRADE_SUCCESS", "the phone")
    return paid["trade_no"]


def refund(number, request_number, amount):
    model = filled(
        AlipayTradeRefundModel(), out_trade_no=number, out_request_no=request_number, refund_amount=amount,
        refund_reason="退款 A+B 100%",
    )
    return call(AlipayTradeRefundRequest, AlipayTradeRefundResponse, model)


def refund_state(number, request_number):
    model = filled(AlipayTradeFastpayRefundQueryModel(), out_trade_no=number, out_request_no=request_number)
    return call(AlipayTradeFastpayRefundQueryRequest, AlipayTradeFastpayRefundQueryResponse, model)


def by_code():
    model = filled(
        AlipayTradePrecreateModel(), out_trade_no="sdk_code", total_amount="99.00", subject="专业版 A+B 100%",
        body='{"a":"}"}', timeout_express="30m",
    )
    made = call(AlipayTradePrecreateRequest, AlipayTradePrecreateResponse, model, notify=True)
    same((made.code, made.out_trade_no), ("10000", "sdk_code"), "precreate")
    same(query("sdk_code").sub_code, "ACQ.TRADE_NOT_EXIST", "nobody has scanned")
    trade = pays(made.qr_code)
    paid = query("sdk_code")
    same((paid.trade_status, paid.trade_no, paid.total_amount), ("TRADE_SUCCESS", trade, "99.00"), "query")
    told = notice(out_trade_no="sdk_code", trade_no=trade, total_amount="99.00", trade_status="TRADE_SUCCESS")
    forged = dict(told, total_amount="9900.00")
    try:
        same(genuine(forged), False, "a changed notice")
    except Exception as error:  # the SDK raises on most signatures that do not fit
        same(type(error).__name__, "VerificationError", "a changed notice")

    back = refund("sdk_code", "r1", "30.00")
    same((back.code, back.fund_change, back.refund_fee), ("10000", "Y", "30.00"), "refund")
    notice(out_biz_no="r1", refund_fee="30.00", trade_status="TRADE_SUCCESS")
    again = refund("sdk_code", "r1", "30.00")
    same((again.fund_change, again.refund_fee), ("N", "30.00"), "the same refund again")
    same(refund("sdk_code", "r1", "31.00").sub_code, "ACQ.DISCORDANT_REPEAT_REQUEST", "another amount")
    same(refund("sdk_code", "r2", "69.01").sub_code, "ACQ.REASON_TRADE_REFUND_FEE_ERR", "more than is left")
    state = refund_state("sdk_code", "r1")
    same((state.refund_status, state.refund_amount), ("REFUND_SUCCESS", "30.00"), "refund query")
    same(refund_state("sdk_code", "r9").refund_status, None, "a refund nobody made")


def by_page(request, model, product, number, http_method):
    """Page and WAP: the browser's way there, the payment, and the signed way back."""
    request = request(biz_model=filled(
        model, out_trade_no=number, total_amount="0.01", subject="页面支付", product_code=product,
    ))
    request.notify_url, request.return_url = NOTIFY, "http://127.0.0.1:1/back?order=1&x=%26"
    opened = CLIENT.page_execute(request, http_method=http_method)
    if http_method == "GET":
        page = fetch(opened)
    else:
        # The SDK escapes quotes alone, and a browser leaves `&notify_url=` in an attribute as it is.
        action = re.search(r'action="([^"]*)"', opened)[1]
        fields = re.findall(r'name="([^"]*)" value="([^"]*)"', opened)
        fields = [(name, value.replace("&quot;", '"')) for name, value in fields]
        page = fetch(action, urllib.parse.urlencode(fields).encode())
    phone = re.search(r'action="([0-9]+)/pay', page)[1]
    trade = pays(f"{URL}/sandbox/pay/{phone}")
    same(query(number).trade_no, trade, "query of a page")
    notice(out_trade_no=number, total_amount="0.01")
    page = fetch(f"{URL}/sandbox/pay/{phone}")
    way = html.unescape(re.search(r'href="(http://127.0.0.1:1/back[^"]*)"', page)[1])
    fields = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(way).query, keep_blank_values=True))
    same((fields.pop("order"), fields.pop("x")), ("1", "&"), "the merchant's own parameters")
    same((fields["out_trade_no"], fields["trade_no"]), (number, trade), "the way back")
    if not genuine(fields):
        raise SystemExit(f"the SDK does not verify the way back {fields}")


def by_app():
    request = AlipayTradeAppPayRequest(biz_model=filled(
        AlipayTradeAppPayModel(), out_trade_no="sdk_app", total_amount="5.00", subject="应用支付",
        product_code="QUICK_MSECURITY_PAY",
    ))
    request.notify_url = NOTIFY
    page = fetch(f"{CONFIG.server_url}?{CLIENT.sdk_execute(request)}")
    phone = re.search(r'action="([0-9]+)/pay', page)[1]
    pays(f"{URL}/sandbox/pay/{phone}")
    notice(out_trade_no="sdk_app")
    cancelled = call(AlipayTradeCancelRequest, AlipayTradeCancelResponse,
                     filled(AlipayTradeCancelModel(), out_trade_no="sdk_app"))
    same((cancelled.action, cancelled.retry_flag), ("refund", "N"), "cancelling what is paid")
    notice(out_trade_no="sdk_app", refund_fee="5.00", trade_status="TRADE_CLOSED")
    nothing = call(AlipayTradeCancelRequest, AlipayTradeCancelResponse,
                   filled(AlipayTradeCancelModel(), out_trade_no="sdk_nothing"))
    same((nothing.code, nothing.action), ("10000", None), "cancelling nothing")


def closing():
    model = filled(AlipayTradePrecreateModel(), out_trade_no="sdk_close", total_amount="1.00", subject="x")
    made = call(AlipayTradePrecreateRequest, AlipayTradePrecreateResponse, model, notify=True)
    close = filled(AlipayTradeCloseModel(), out_trade_no="sdk_close")
    closed = call(AlipayTradeCloseRequest, AlipayTradeCloseResponse, close)
    same(closed.sub_code, "ACQ.TRADE_NOT_EXIST", "closing what nobody scanned")
    fetch(made.qr_code)
    same(call(AlipayTradeCloseRequest, AlipayTradeCloseResponse, close).code, "10000", "closing")
    same(query("sdk_close").trade_status, "TRADE_CLOSED", "a closed trade")


def a_broken_signature_is_noticed():
    post_json("/sandbox/alipay/faults", {"kind": "broken_signature", "method": "alipay.trade.query"})
    try:
        query("sdk_code")
    except ResponseException as error:
        same("sign verify failed" in str(error), True, str(error))
    else:
        raise SystemExit("the SDK took an answer whose signature is broken")
    same(query("sdk_code").trade_status, "TRADE_SUCCESS", "the next answer")


def the_books_agree():
    books = json.loads(fetch(URL + "/sandbox/alipay/books"))
    own = [row for row in books["sums"] if row["app_id"] == CONFIG.app_id]
    # In: a code, two pages, an app. Out: a part, and the app's.
    same([(row["in_minor"], row["out_minor"]) for row in own], [(9900 + 1 + 1 + 500, 3000 + 500)], "the books")


by_code()
by_page(AlipayTradePagePayRequest, AlipayTradePagePayModel(), "FAST_INSTANT_TRADE_PAY", "sdk_page", "GET")
by_page(AlipayTradeWapPayRequest, AlipayTradeWapPayModel(), "QUICK_WAP_WAY", "sdk_wap", "POST")
by_app()
closing()
a_broken_signature_is_noticed()
the_books_agree()
print("the official SDK paid, refunded, cancelled and closed, and took every signature but the broken one")
