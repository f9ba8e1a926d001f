"""Sales, subscriptions and refunds through Stripe's official SDK. Usage: purchase.py URL FOLDER-OF-SECRETS

What the sandbox tells goes through the SDK's own check of signatures: a webhook that it does not take ends this.
"""

import json
import os
import queue
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import stripe

URL, FOLDER = sys.argv[1], sys.argv[2]
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def secret(name):
    with open(os.path.join(FOLDER, name), encoding="ascii") as file:
        return file.read()


# Whoever answers has written its files.
with OPENER.open(URL + "/sandbox/stripe/merchant", timeout=30) as answer:
    stripe.api_base = json.load(answer)["api_base"]
WEBHOOK = secret("webhookSecret")
stripe.api_key = secret("secretKey")
stripe.max_network_retries = 0


def same(given, wanted, what):
    if given != wanted:
        raise SystemExit(f"{what}: {given!r} and not {wanted!r}")


def refused(kind, act, code=None):
    """What the SDK makes of an answer that says no."""
    try:
        act()
    except kind as error:
        same(error.code, code, f"the code of {error}")
    else:
        raise SystemExit(f"{kind.__name__} was expected")


class Webhooks(BaseHTTPRequestHandler):
    """A merchant's address for webhooks."""

    arrived = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.arrived.put((body, self.headers["stripe-signature"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


EVENTS = []


def told(kind, number):
    """The event of this kind about the object with this number, as the SDK constructs it. They come in any order."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for event in EVENTS:
            if event.type == kind and event.data.object.id == number:
                EVENTS.remove(event)
                return event
        try:
            body, signature = Webhooks.arrived.get(timeout=1)
        except queue.Empty:
            continue
        EVENTS.append(stripe.Webhook.construct_event(body, signature, WEBHOOK))
    raise SystemExit(f"nobody told of {kind}; there came {[event.type for event in EVENTS]}")


def post(url, document):
    request = urllib.request.Request(url, json.dumps(document).encode())
    for name in ["accept", "content-type"]:
        request.add_header(name, "application/json")
    try:
        with OPENER.open(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def card(url, number):
    status, document = post(url, {"number": number})
    same(status, 200, f"a card at {url}")
    return document


def create(order_no, mode="payment", **more):
    price = {"currency": "usd", "unit_amount": 990, "product_data": {"name": "专业版 Pro & Co"}}
    marks = {"metadata": {"app": "sdk", "order_no": order_no}}
    if mode == "subscription":
        price["recurring"] = {"interval": "month"}
        more["subscription_data"] = marks
    else:
        more["payment_intent_data"] = marks
    more.setdefault("idempotency_key", f"order:{order_no}:checkout:1")
    return stripe.checkout.Session.create(
        mode=mode,
        line_items=[{"price_data": price, "quantity": 1}],
        client_reference_id=order_no,
        success_url="http://127.0.0.1:1/ok?session={CHECKOUT_SESSION_ID}",
        **marks,
        **more,
    )


def one_sale():
    session = create("sdk_once")
    same(create("sdk_once").id, session.id, "the same key and content")
    refused(stripe.IdempotencyError, lambda: create("sdk_once", locale="zh"))
    same(card(session.url, "4000000000000002")["declined"], "generic_decline", "a card that is declined")
    same(card(session.url, "4000002760003184")["asks"], True, "3-D Secure")
    same(post(session.url, {"answer": "approve"})[1]["status"], "complete", "what the bank was told")
    event = told("checkout.session.completed", session.id)
    same(event.data.object.client_reference_id, "sdk_once", "the order of an event")
    session = stripe.checkout.Session.retrieve(session.id, expand=["payment_intent.latest_charge", "line_items"])
    same((session.payment_status, session.amount_total), ("paid", 990), "a paid session")
    same(session.line_items.data[0].description, "专业版 Pro & Co", "what was sold")
    intent = session.payment_intent
    same((intent.status, intent.metadata["order_no"]), ("succeeded", "sdk_once"), "its money")
    same(intent.latest_charge.paid, True, "its charge")
    part = stripe.Refund.create(
        payment_intent=intent.id, amount=90, reason="requested_by_customer", metadata={"refund_no": "r1"},
        idempotency_key="refund:r1",
    )
    told("refund.created", part.id)
    same(told("charge.refunded", intent.latest_charge.id).data.object.amount_refunded, 90, "what went back")
    same(stripe.Refund.create(payment_intent=intent.id).amount, 900, "the rest")
    refused(
        stripe.InvalidRequestError,
        lambda: stripe.Refund.create(payment_intent=intent.id),
        "charge_already_refunded",
    )
    numbers = [refund.id for refund in stripe.Refund.list(payment_intent=intent.id, limit=1).auto_paging_iter()]
    same((len(numbers), numbers[-1]), (2, part.id), "the refunds, page by page")


def a_page_that_is_closed():
    session = create("sdk_closed")
    same(stripe.checkout.Session.expire(session.id).status, "expired", "a closed page")
    told("checkout.session.expired", session.id)
    same(post(session.url, {"number": "4242424242424242"})[0], 409, "paying it")
    refused(stripe.InvalidRequestError, lambda: stripe.checkout.Session.expire(session.id))


def a_subscription():
    session = create("sdk_month", mode="subscription", customer_email="buyer@shop.example")
    card(session.url, "4242424242424242")
    session = stripe.checkout.Session.retrieve(session.id, expand=["subscription", "invoice.payments"])
    subscription, invoice = session.subscription, session.invoice
    same((subscription.status, subscription.metadata["order_no"]), ("active", "sdk_month"), "a subscription")
    same((invoice.status, invoice.amount_paid), ("paid", 990), "its first bill")
    same(invoice.parent.subscription_details.subscription, subscription.id, "whose bill it is")
    told("invoice.paid", invoice.id)
    end = subscription["items"].data[0].current_period_end
    same(invoice.lines.data[0].period.end, end, "until when it is paid")
    money = invoice.payments.data[0].payment.payment_intent
    listed = stripe.InvoicePayment.list(payment={"type": "payment_intent", "payment_intent": money})
    same(listed.data[0].invoice, invoice.id, "the bill of that money")
    marked = stripe.Subscription.modify(subscription.id, cancel_at_period_end=True)
    same(marked.cancel_at, end, "when it ends")
    event = told("customer.subscription.updated", subscription.id)
    while not event.data.object.cancel_at_period_end:
        event = told("customer.subscription.updated", subscription.id)
    same(stripe.Subscription.modify(subscription.id, cancel_at_period_end=False).cancel_at, None, "going on")
    customer = stripe.Customer.retrieve(session.customer)
    same(customer.email, "buyer@shop.example", "the buyer")
    portal = stripe.billing_portal.Session.create(customer=customer.id, return_url="http://127.0.0.1:1/me")
    with OPENER.open(portal.url, timeout=20) as page:
        same("9.90 USD" in page.read().decode(), True, "the portal's page")
    same(stripe.Subscription.cancel(subscription.id).status, "canceled", "ending it now")
    told("customer.subscription.deleted", subscription.id)
    refused(stripe.InvalidRequestError, lambda: stripe.Subscription.cancel(subscription.id), "resource_missing")


def a_broken_signature_is_refused():
    same(post(URL + "/sandbox/stripe/faults", {"kind": "callback_forged"})[0], 201, "ordering a fault")
    session = create("sdk_forged")
    card(session.url, "4242424242424242")
    forged, genuine = 0, False
    while not genuine:
        body, signature = Webhooks.arrived.get(timeout=30)
        try:
            event = stripe.Webhook.construct_event(body, signature, WEBHOOK)
        except stripe.SignatureVerificationError:
            forged += 1
        else:
            genuine = event.data.object.id == session.id
    same(forged > 0, True, "a forged webhook")


def several_signatures_are_taken():
    post(URL + "/sandbox/stripe/faults", {"kind": "several_signatures"})
    session = create("sdk_several")
    card(session.url, "4242424242424242")
    told("checkout.session.completed", session.id)


def a_busy_stripe():
    post(URL + "/sandbox/stripe/faults", {"kind": "busy"})
    refused(stripe.RateLimitError, lambda: create("sdk_busy"))
    post(URL + "/sandbox/stripe/faults", {"kind": "busy", "argument": "500"})
    refused(stripe.APIError, lambda: create("sdk_busy"))
    create("sdk_busy")


def a_dispute():
    status, dispute = post(URL + "/sandbox/stripe/console-dispute", {"order": "sdk_several"})
    same(status, 201, "a dispute")
    same(told("charge.dispute.created", dispute["id"]).data.object.amount, 990, "what the bank takes")
    same(stripe.Dispute.retrieve(dispute["id"]).status, "needs_response", "how it stands")


def the_books_agree():
    with OPENER.open(URL + "/sandbox/stripe/books", timeout=20) as answer:
        books = json.load(answer)
    # In: four sales. Out: one of them in two parts, and a dispute.
    same([(row["came_in"], row["went_out"]) for row in books["sums"]], [(4 * 990, 2 * 990)], "the books")
    completed = stripe.Event.list(types=["checkout.session.completed"], limit=2)
    same(len(list(completed.auto_paging_iter())), 4, "the list of events")


server = HTTPServer(("127.0.0.1", 0), Webhooks)
threading.Thread(target=server.serve_forever, daemon=True).start()
listener = {"url": f"http://127.0.0.1:{server.server_port}/webhooks"}
same(post(URL + "/sandbox/stripe/webhook-endpoint", listener)[0], 200, "where webhooks go")
one_sale()
a_page_that_is_closed()
a_subscription()
a_broken_signature_is_refused()
several_signatures_are_taken()
a_busy_stripe()
a_dispute()
the_books_agree()
stripe.api_key += "0"
refused(stripe.AuthenticationError, lambda: stripe.Event.list())
print("the official SDK sold, subscribed, refunded and ended, and took every signature but the broken one")
