"""The real command, its processes and its end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress

import pytest

from .conftest import run


@contextmanager
def served(folder, *words):
    """A real `phusong serve`; gives its address and process."""
    command = [sys.executable, "-m", "phusong.api.cli", "serve", str(folder), "--port", "0", *words]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=os.environ)
    try:
        lines = iter(server.stderr.readline, "")
        yield next(found[0] for line in lines if (found := re.search(r"http://[\d.:\[\]]*\d", line))), server
    finally:
        server.terminate()
        server.communicate(timeout=60)


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return answer.read()


def until_it_listens(address):
    """Several processes are announced before the first of them listens."""
    while True:
        try:
            return get(f"{address}/readyz")
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.2)


def ipv6():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


def test_several_processes_serve_one_workspace_and_count_together(computed):
    auditor = run("keys", "add", computed.path, "watching", "--role", "auditor").stdout.strip()
    with served(computed.path, "--processes", "2") as (address, server):
        until_it_listens(address)
        for _ in range(12):
            assert json.loads(get(f"{address}/v1/runs"))["current"]
        counted, line = "", 'phusong_requests_total{method="GET",route="/v1/runs",status="200"} 12.0'
        for _ in range(100):  # the other process counts an answer just after it has gone out
            counted = get(f"{address}/metrics", Authorization=f"Bearer {auditor}").decode()
            if line in counted:
                break
            time.sleep(0.1)
        assert line in counted
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) in (0, -signal.SIGTERM)


def test_what_is_being_answered_at_the_end_is_answered(computed):
    with served(computed.path, "--no-access-control") as (address, server):
        host, port = re.search(r"//(.*):(\d+)", address).groups()
        with socket.create_connection((host, int(port)), timeout=60) as caller:
            caller.sendall(f"GET /map HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            time.sleep(0.3)
            server.send_signal(signal.SIGTERM)
            answer = b"".join(iter(lambda: caller.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.rstrip().endswith(b"</html>")
        assert server.wait(60) in (0, -signal.SIGTERM)


def test_headers_without_end_are_not_kept(computed):
    with served(computed.path) as (address, _):
        host, port = re.search(r"//(.*):(\d+)", address).groups()
        with socket.create_connection((host, int(port)), timeout=60) as caller:
            caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            while not caller.recv(65536).endswith(b"}"):
                pass
            caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n")
            with suppress(ConnectionError):  # the service ends it at 64 KiB
                for _ in range(4096):
                    caller.sendall(b"X-Bomb: " + b"a" * 4096 + b"\r\n")
            with suppress(ConnectionError):
                assert b"headers are too long" in caller.recv(65536)
        assert get(f"{address}/healthz")


@pytest.mark.parametrize("words", [["--no-access-control"], []])
def test_the_service_listens_by_ipv6(computed, words):
    if not ipv6():
        assert "cannot listen at ::1" in run("serve", computed.path, "--host", "::1", *words).stderr
        return
    with served(computed.path, "--host", "::1", *words) as (address, _):
        assert address.startswith("http://[::1]:")
        assert json.loads(get(f"{address}/v1/coverage"))["run_id"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{address}/v1/nothing")


def test_an_address_in_use_is_said_in_a_sentence(computed):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", computed.path, "--port", port)
    assert result.exit_code == 1
    assert f"cannot listen at 127.0.0.1, port {port}" in " ".join(result.stderr.split())


@pytest.mark.parametrize("host", ["2001:db8::1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_said_in_a_sentence(computed, host):
    result = run("serve", computed.path, "--host", host)
    assert result.exit_code == 1
    assert f"cannot listen at {host}" in " ".join(result.stderr.split())
