"""The service behind a real nginx with the configuration of the how-to."""

import contextlib
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections import namedtuple
from datetime import date
from pathlib import Path

import httpx2
import pytest

from phusong.api.access_store import AccessStore
from phusong.api.audit import AuditLog
from phusong.api.keys import Keys

NGINX = Path("/usr/sbin/nginx")
HOW_TO = Path(__file__).parents[2] / "docs/how-to/deploy.md"
Deployed = namedtuple("Deployed", "url certificate workspace key")
FRAME = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; {user}
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {sites}
}}
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def certificate(folder):
    """A certificate for 127.0.0.1, signed by itself."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=phusong -addext subjectAltName=IP:127.0.0.1"
    files = {"-keyout": folder / "privkey.pem", "-out": folder / "fullchain.pem"}
    subprocess.run([*command.split(), *(str(word) for pair in files.items() for word in pair)], check=True,
                   capture_output=True)  # fmt: skip
    return files["-out"]


def site(folder, service_port, http_port, https_port):
    """The sample of the how-to, on ports and with a certificate of the test."""
    text = re.search(r"```nginx\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL)[1]
    text = text.replace("/etc/ssl/phusong", str(folder)).replace("127.0.0.1:8000", f"127.0.0.1:{service_port}")
    text = re.sub(r"listen \[::\]:\d+[^;]*;", "", text)
    return text.replace("listen 80;", f"listen 127.0.0.1:{http_port};").replace(
        "listen 443", f"listen 127.0.0.1:{https_port}"
    )


def wait_for(port, process):
    for _ in range(1200):
        assert process.poll() is None, "it ended"
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.1)
    raise TimeoutError(port)


@contextlib.contextmanager
def deployed(workspace, folder, *words):
    if not NGINX.exists():
        pytest.skip("nginx is missing: apt-get install nginx")
    with (workspace.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[service]\ntrusted_proxies = ["127.0.0.1"]\npublic_url = "https://phusong.example.vn"\n')
    key = Keys(AccessStore(workspace.path)).add("portal", "planner")
    service, http, https = free_port(), free_port(), free_port()
    signed = certificate(folder)
    user = "user root;" if os.getuid() == 0 else ""  # the folders of a test are closed to others
    frame = FRAME.format(folder=folder, user=user, sites=site(folder, service, http, https))
    (folder / "nginx.conf").write_text(frame, "utf-8")
    command = [sys.executable, "-m", "phusong.api.cli", "serve", str(workspace.path), "--port", str(service), *words]
    started = [
        (service, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)),
        (https, subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)),
    ]
    try:
        for port, process in started:
            wait_for(port, process)
        yield Deployed(f"https://127.0.0.1:{https}", signed, workspace, key), http
    finally:
        for _, process in started:
            process.terminate()
            process.wait(60)


def caller(service, **options):
    trusted = ssl.create_default_context(cafile=service.certificate)
    return httpx2.Client(base_url=service.url, verify=trusted, timeout=60, **options)


def test_the_service_answers_through_the_nginx_of_the_how_to(copied, tmp_path):
    forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    with (
        deployed(copied, tmp_path) as (service, http),
        caller(service) as public,
        caller(service, headers={"Authorization": f"Bearer {service.key}"}) as planner,
    ):
        assert "rsrp_dbm_4G" not in public.get("/v1/settlements").text
        first = planner.get("/v1/settlements", headers=forged)
        assert "rsrp_dbm_4G" in first.text
        assert first.headers["Strict-Transport-Security"]
        assert planner.get("/v1/settlements", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
        assert public.get("/v1/coverage", headers={"Authorization": "Bearer forged"}).status_code == 401
        assert public.get("/map").text.rstrip().endswith("</html>")
        assert public.get("/metrics").status_code == 403
        moved = httpx2.get(f"http://127.0.0.1:{http}/map")
        assert (moved.status_code, moved.headers["location"]) == (301, "https://127.0.0.1/map")
    assert {entry["address"] for entry in AuditLog(copied.path).entries(since=date(2020, 1, 1))} == {"127.0.0.1"}


def test_the_audit_log_has_the_address_of_the_caller_and_not_of_the_proxy(copied, tmp_path):
    with deployed(copied, tmp_path) as (service, _):
        trusted = ssl.create_default_context(cafile=service.certificate)
        transport = httpx2.HTTPTransport(local_address="127.0.0.7", verify=trusted)
        with httpx2.Client(base_url=service.url, transport=transport) as elsewhere:
            elsewhere.get("/v1/audit", headers={"X-Forwarded-For": "198.51.100.1"})
    assert [entry["address"] for entry in AuditLog(copied.path).entries(since=date(2020, 1, 1))] == ["127.0.0.7"]


def test_a_service_without_access_control_answers_nobody_behind_a_proxy(copied, tmp_path):
    with deployed(copied, tmp_path, "--no-access-control") as (service, _), caller(service) as anybody:
        for headers in ({}, {"Host": "localhost"}, {"X-Forwarded-For": ""}):
            assert anybody.get("/v1/settlements", headers=headers).status_code == 403
