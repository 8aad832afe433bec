"""The webhooks of a helpdesk, with the client that openapi-python-client generates, and with the receiver
in examples/."""

import datetime
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from dueline import AuthenticatedClient
from dueline.api.webhooks import webhook_create, webhook_test, webhook_update
from dueline.models.new_webhook import NewWebhook
from dueline.models.webhook_answer import WebhookAnswer
from dueline.models.webhook_change import WebhookChange
from dueline.models.webhook_secret_answer import WebhookSecretAnswer
from dueline.models.webhook_test_answer import WebhookTestAnswer
from standardwebhooks import Webhook

# Nothing listens there.
NOWHERE = "http://127.0.0.1:9/"
LISTENING = "listening on "


@contextmanager
def receiver(secret: str) -> Iterator[IO[str]]:
    """Runs the receiver on a free port, and yields what it prints."""
    program = subprocess.Popen(
        [sys.executable, os.environ["DUELINE_RECEIVER"], "0"],
        env={**os.environ, "WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        yield program.stdout
    finally:
        program.terminate()
        program.wait()


def post(url: str, secret: str, message_id: str, body: str) -> int:
    """Sends a message that is signed with this secret, and returns the status of the answer."""
    now = datetime.datetime.now(datetime.UTC)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body),
    }
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def main() -> None:
    team = os.environ["DUELINE_TEAM"]
    client = AuthenticatedClient(
        base_url=os.environ["DUELINE_URL"],
        token=os.environ["DUELINE_KEY"],
        raise_on_unexpected_status=True,
    )
    created = webhook_create.sync(team, client=client, body=NewWebhook(url=NOWHERE))
    assert isinstance(created, WebhookSecretAnswer), created
    webhook = created.data

    refused = webhook_test.sync(team, webhook.id, client=client)
    assert isinstance(refused, WebhookTestAnswer), refused
    error = "the receiver did not accept a connection"
    assert (refused.data.delivered, refused.data.error) == (False, error), refused

    with receiver(webhook.secret) as printed:
        line = printed.readline().strip()
        assert line.startswith(LISTENING), line
        url = line.removeprefix(LISTENING)
        change = WebhookChange(url=url)
        changed = webhook_update.sync(team, webhook.id, client=client, body=change)
        assert isinstance(changed, WebhookAnswer) and changed.data.url == url, changed

        tested = webhook_test.sync(team, webhook.id, client=client)
        assert isinstance(tested, WebhookTestAnswer), tested
        assert (tested.data.delivered, tested.data.status) == (True, 204), tested
        assert printed.readline() == "sla.test\n"

        body = '{"type":"sla.breached","data":{"ticketId":"T-1","metric":"resolution","at":"2026-12-28T08:00:00Z"}}'
        assert post(url, webhook.secret, "ntc_1", body) == 204
        assert printed.readline() == "sla.breached: ticket T-1, resolution, at 2026-12-28T08:00:00Z\n"
        assert post(url, webhook.secret, "ntc_1", body) == 204
        assert printed.readline() == "ntc_1 again\n"
        assert post(url, "whsec_b3RoZXI=", "ntc_2", body) == 401
        assert printed.readline() == "refused: No matching signature found\n"


main()
