"""Purchases and refunds through `wechatpayv3`, in both key modes. Usage: purchase.py URL FOLDER-OF-KEYS

Every success that the SDK gives has passed its own check of the signature: a wrong one raises.
"""

import json
import os
import queue
import sys
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests
from cryptography import x509
from wechatpayv3 import SignType, WeChatPay, WeChatPayType

URL, KEYS = sys.argv[1], sys.argv[2]
LIVE = "https://api.mch.weixin.qq.com"
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def to_the_sandbox(send):
    """The SDK knows one address only. It signs the path of the documentation, without what stands before it here."""

    def sent(url, **more):
        if not url.startswith(LIVE):
            raise SystemExit(f"the SDK calls {url}")
        more["proxies"] = {"http": None, "https": None}
        return send(url.replace(LIVE, URL + "/sandbox/wechat", 1), **more)

    return sent


requests.get, requests.post = to_the_sandbox(requests.get), to_the_sandbox(requests.post)


def same(given, wanted, what):
    if given != wanted:
        raise SystemExit(f"{what}: {given!r} and not {wanted!r}")


def fetch(url, body=None, content_type="application/json"):
    """Text of an answer that must be a success."""
    request = urllib.request.Request(url, data=body)
    request.add_header("accept", "application/json")
    if body is not None:
        request.add_header("content-type", content_type)
    with OPENER.open(request, timeout=20) as answer:
        return answer.read().decode()


def fault(**wanted):
    fetch(URL + "/sandbox/wechat/faults", json.dumps(wanted).encode())


def text_of(name):
    with open(os.path.join(KEYS, name), encoding="ascii") as file:
        return file.read()


class Notices(BaseHTTPRequestHandler):
    """A merchant's callback address."""

    arrived = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.arrived.put((dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


SERVER = HTTPServer(("127.0.0.1", 0), Notices)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
NOTIFY = f"http://127.0.0.1:{SERVER.server_port}/notices"
MERCHANT = json.loads(fetch(URL + "/sandbox/wechat/merchant"))
CERTIFICATE = x509.load_pem_x509_certificate(text_of("apiclient_cert.pem").encode())


def client(**keys):
    return WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE, mchid=MERCHANT["mch_id"], private_key=text_of("apiclient_key.pem"),
        cert_serial_no=f"{CERTIFICATE.serial_number:040X}", appid=MERCHANT["app_id"], apiv3_key=text_of("api_v3_key"),
        notify_url=NOTIFY, timeout=(5, 20), **keys,
    )


def called(answer, status=200):
    """The SDK gives the status and the text."""
    given, text = answer
    same(given, status, text)
    return json.loads(text) if text else {}


def notice(sdk):
    """A notice, verified and opened by the SDK."""
    headers, body = Notices.arrived.get(timeout=20)
    opened = sdk.callback(headers, body)
    if not opened:
        raise SystemExit(f"the SDK does not take {headers} {body}")
    # Its own check knows no time; what it must refuse is another body.
    same(sdk.callback(headers, body.replace(b"encrypt", b"ENCRYPT")), None, "a changed notice")
    return opened["event_type"], opened["resource"]


def phone(code, action="pay"):
    number = urllib.parse.urlsplit(code).path.rsplit("/", 1)[-1]
    return json.loads(fetch(f"{URL}/sandbox/pay/{number}/{action}", b"", "application/x-www-form-urlencoded"))


def buys(sdk, number, total, pay_type, **more):
    """One purchase: ordered, paid on the phone, asked about, told of."""
    asked = {
        "description": "专业版 A+B 100%", "out_trade_no": number, "amount": {"total": total}, "pay_type": pay_type,
        "attach": '{"a":"}"}', **more,
    }
    begun = called(sdk.pay(**asked))
    same(called(sdk.pay(**asked)), begun, "the same order again")
    called(sdk.pay(**{**asked, "amount": {"total": total + 1}}), 400)
    same(called(sdk.query(out_trade_no=number))["trade_state"], "NOTPAY", "before the payment")
    code = begun.get("code_url") or begun.get("h5_url") or begun["prepay_id"]
    paid = phone(code)
    same(paid["trade_status"], "SUCCESS", "the phone")
    told = called(sdk.query(out_trade_no=number))
    same((told["trade_state"], told["transaction_id"]), ("SUCCESS", paid["trade_no"]), "query")
    same((told["amount"]["total"], told["attach"]), (total, '{"a":"}"}'), "query")
    by_id = called(sdk.query(transaction_id=paid["trade_no"]))
    same(by_id["out_trade_no"], number, "query by the other number")
    kind, resource = notice(sdk)
    same((kind, resource["transaction_id"]), ("TRANSACTION.SUCCESS", paid["trade_no"]), "the notice")
    same((resource["amount"]["total"], resource["trade_state"]), (total, "SUCCESS"), "the notice")
    same(called(sdk.close(number), 400)["code"], "ORDERPAID", "closing what is paid")
    return begun, paid["trade_no"]


def refunds(sdk, number, total):
    def refund(refund_no, amount, of=total):
        amount = {"refund": amount, "total": of, "currency": "CNY"}
        return sdk.refund(out_refund_no=refund_no, amount=amount, out_trade_no=number, reason="退款 A+B")

    part = number + "R1"
    made = called(refund(part, 30))
    same((made["status"], made["amount"]["refund"]), ("SUCCESS", 30), "refund")
    same(called(refund(part, 30))["refund_id"], made["refund_id"], "the same refund again")
    same(called(refund(part, 31), 400)["code"], "INVALID_REQUEST", "another amount")
    same(called(refund(number + "R2", total - 29), 400)["code"], "INVALID_REQUEST", "more than is left")
    same(called(refund(number + "R3", 1, total + 1), 400)["code"], "INVALID_REQUEST", "another order's total")
    same(called(sdk.query_refund(part))["status"], "SUCCESS", "refund query")
    same(called(sdk.query_refund(number + "R9"), 404)["code"], "RESOURCE_NOT_EXISTS", "a refund nobody made")
    kind, resource = notice(sdk)
    same((kind, resource["out_refund_no"]), ("REFUND.SUCCESS", part), "the notice")
    same(called(sdk.query(out_trade_no=number))["trade_state"], "REFUND", "an order of which a part went back")


def what_fails_later(sdk, number, kind, status):
    fault(kind=kind, argument="1")
    amount = {"refund": 10, "total": 500, "currency": "CNY"}
    refund_no = f"{number}{status}"
    taken = called(sdk.refund(out_refund_no=refund_no, amount=amount, out_trade_no=number))
    same(taken["status"], "PROCESSING", "a refund on its way")
    told, resource = notice(sdk)
    same((told, resource["refund_status"]), (f"REFUND.{status}", status), "the notice")
    same(called(sdk.query_refund(refund_no))["status"], status, "refund query")


def closing(sdk, number):
    asked = {"description": "x", "out_trade_no": number, "amount": {"total": 1}}
    called(sdk.pay(**asked))
    called(sdk.close(number), 204)
    called(sdk.close(number), 204)
    called(sdk.close(number + "never"), 204)
    same(called(sdk.query(out_trade_no=number))["trade_state"], "CLOSED", "a closed order")
    same(called(sdk.pay(**asked), 400)["code"], "ORDER_CLOSED", "ordering it again")
    same(called(sdk.query(out_trade_no=number + "never"), 404)["code"], "ORDER_NOT_EXIST", "an order nobody made")


def broken_signatures_are_noticed(sdk, number):
    for kind in ("broken_signature", "probe_answer"):
        fault(kind=kind, method="query")
        try:
            sdk.query(out_trade_no=number)
        except Exception as error:
            known = "failed to verify the signature" in str(error) or "base64" in str(error).lower() or "padding" in str(error)
            same(known, True, f"{kind}: {error!r}")
        else:
            raise SystemExit(f"the SDK took an answer with {kind}")
        same(called(sdk.query(out_trade_no=number))["out_trade_no"], number, "the next answer")


def false_notices_are_noticed(sdk, number):
    fault(kind="callback_forged")
    called(sdk.pay(description="x", out_trade_no=number, amount={"total": 2}))
    phone(number)
    headers, body = Notices.arrived.get(timeout=20)
    same(sdk.callback(headers, body), None, "a forged notice")
    same(notice(sdk)[1]["out_trade_no"], number, "the genuine one")


def one_mode(name, sdk):
    buys(sdk, f"sdk{name}native", 9900, WeChatPayType.NATIVE)
    refunds(sdk, f"sdk{name}native", 9900)
    begun, _ = buys(sdk, f"sdk{name}jsapi", 500, WeChatPayType.JSAPI, payer={"openid": "oBuyer"})
    signed = sdk.sign([MERCHANT["app_id"], "1", "n", "prepay_id=" + begun["prepay_id"]], SignType.RSA_SHA256)
    same(len(signed), 344, "what the bridge is given")
    h5 = {"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}}
    buys(sdk, f"sdk{name}h5", 1, WeChatPayType.H5, scene_info=h5)
    buys(sdk, f"sdk{name}app", 2, WeChatPayType.APP)
    what_fails_later(sdk, f"sdk{name}jsapi", "refund_pending_failed", "ABNORMAL")
    what_fails_later(sdk, f"sdk{name}jsapi", "refund_closed", "CLOSED")
    closing(sdk, f"sdk{name}close")
    broken_signatures_are_noticed(sdk, f"sdk{name}native")
    false_notices_are_noticed(sdk, f"sdk{name}forged")


def a_certificate_changes(sdk):
    """Between the order and its payment: the SDK fetches the new one, and takes the notice under it."""
    fault(kind="key_changed")
    buys(sdk, "sdkrotated", 7, WeChatPayType.NATIVE)


def the_books_agree():
    books = json.loads(fetch(URL + "/sandbox/wechat/books"))
    each = 9900 + 500 + 1 + 2 + 2
    same([(row["in_minor"], row["out_minor"]) for row in books["sums"]], [(2 * each + 7, 2 * 30)], "the books")


one_mode("c", client())
one_mode("p", client(public_key=text_of("pub_key.pem"), public_key_id=MERCHANT["public_key_id"]))
a_certificate_changes(client())
the_books_agree()
print("the SDK paid four ways in both key modes, refunded and closed, and took every signature but the broken ones")
