#!/usr/bin/env python3
"""Receives Dueline's webhooks: refuses what is not signed, and prints each notice once.

    python3 -m pip install standardwebhooks
    cargo local                      # in another terminal
    export URL=… TEAM=… KEY=…        # the line that it prints
    curl -sS "$URL/api/v1/teams/$TEAM/sla/webhooks" -H "Authorization: Bearer $KEY" \\
      -H 'Content-Type: application/json' -d '{"url": "http://127.0.0.1:8400/"}'
    export WEBHOOK_SECRET=whsec_…    # from the answer, which is the only one that has it
    python3 examples/webhook_receiver.py 8400

It listens on that port of 127.0.0.1, on 8400 if none is given, and on any free one if it is 0. To see
a message at once, POST to …/sla/webhooks/WEBHOOK/test, with the id from the answer.

A message is acknowledged only after it has been dealt with, so none is lost; and one whose
acknowledgement is lost is sent again, with the same `webhook-id`. So the ids of messages that have been
dealt with are remembered: here in memory, in earnest in the database that the work is done in, in the
same transaction. Dueline repeats a message for about three days, until it is acknowledged.

It needs Python 3.9 or later.
"""

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

DEFAULT_PORT = 8400
MAX_BYTES = 64 * 1024  # of a message; Dueline's have less than 4 KiB
MAX_REMEMBERED = 10_000
TIMEOUT_SECONDS = 5  # Dueline does not wait longer either


class Inbox:
    """Deals with each message once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.known = {}  # a dict, since it keeps the order

    def take(self, message_id, message):
        with self.lock:
            if message_id in self.known:
                print(f"{message_id} again", flush=True)
                return
            deal_with(message)
            self.known[message_id] = True
            if len(self.known) > MAX_REMEMBERED:
                del self.known[next(iter(self.known))]


def deal_with(message):
    """Whatever there is to do. Messages may arrive in any order, so each is complete in itself."""
    kind, data = message["type"], message["data"]
    if kind == "sla.test":
        print("sla.test", flush=True)
    else:
        print(f"{kind}: ticket {data['ticketId']}, {data['metric']}, at {data['at']}", flush=True)


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to a message that is dealt with, and 401 to one that Dueline has not signed."""

    timeout = TIMEOUT_SECONDS
    webhook: Webhook
    inbox: Inbox

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BYTES:
            self.answer(413)
            return
        body = self.rfile.read(int(length))
        try:
            # It also refuses an old message that somebody sends again: the time is signed as well.
            message = self.webhook.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError) as error:
            print(f"refused: {error}", flush=True)
            self.answer(401)
            return
        self.inbox.take(self.headers["webhook-id"], message)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, format, *arguments):
        """Messages are printed, requests are not."""


def main():
    secret = os.environ.get("WEBHOOK_SECRET")
    if not secret:
        sys.exit("WEBHOOK_SECRET is not set. It is in the answer to the request that created the webhook.")
    Receiver.webhook, Receiver.inbox = Webhook(secret), Inbox()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_PORT
    with ThreadingHTTPServer(("127.0.0.1", port), Receiver) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
