"""`paydown init` looks at what answers, and writes a configuration that can be read; never over one that is there."""

import re
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from paydown.app import App
from paydown.collect.here import configuration, look
from paydown.config import read
from paydown.surfaces.cli.main import run

SCONTROL = """\
case "$*" in
  --version) echo "slurm 24.11.5" ;;
  "show config") printf 'Configuration data\\nClusterName             = alex\\nSLURM_VERSION = 24.11.5\\n' ;;
  *) exit 9 ;;
esac
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Put stand-ins in PATH, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PAYDOWN_CONFIG", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    def made(**scripts):
        for name, text in scripts.items():
            file = folder / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\n{text}")
            file.chmod(0o755)

    return made


@pytest.fixture
def server():
    """Give the URL of a server that says what a test sets."""
    said = {"text": "", "status": 200}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(said["status"])
            self.end_headers()
            self.wfile.write(said["text"].encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", said
        http.shutdown()
        thread.join()


def test_what_answers_is_written_and_can_be_read(programs, server, tmp_path, capsys):
    programs(scontrol=SCONTROL, sacct="exit 0", nvidia_smi="echo 'NVIDIA A100-SXM4-80GB'; echo 'NVIDIA A100-SXM4-80GB'")
    url, said = server
    said["text"] = '{"status":"success","data":{"version":"2.42.0","revision":"x"}}'
    file = tmp_path / "etc" / "config.toml"
    assert run(["init", "--output", str(file), "--url", url, "--store", str(tmp_path / "store")]) == 0
    told = capsys.readouterr()
    assert "Slurm: slurm 24.11.5, cluster alex." in told.err
    assert f"Prometheus at {url}: version 2.42.0." in told.err
    assert "nvidia-smi: 2 GPUs (NVIDIA A100-SXM4-80GB)." in told.err
    assert f"--config {file} collect --once" in told.out
    settings = read(file)
    assert settings.store == str(tmp_path / "store")
    assert {name: each.cluster for name, each in settings.sources.items()} == {"slurm": "alex", "prometheus": "alex"}
    assert settings.sources["prometheus"].others == {"url": url}
    assert run(["--config", str(file), "sources"]) == 0


def test_a_file_that_is_there_stays(programs, tmp_path, capsys):
    file = tmp_path / "config.toml"
    file.write_text("# mine")
    for words in (["init", "--output", str(file)], ["--config", str(file), "init"]):
        assert run(words) == 2
        assert "is there already, and stays as it is" in capsys.readouterr().err
    assert file.read_text() == "# mine"


def test_what_does_not_answer_is_a_comment(programs, tmp_path, capsys):
    assert run(["init", "--output", "-", "--url", "http://127.0.0.1:1"]) == 0
    told = capsys.readouterr()
    assert told.err.count("is it installed, and in PATH?") == 3
    assert tomllib.loads(told.out) == {"collect": {}}
    file = tmp_path / "config.toml"
    file.write_text(re.sub(r"^# (?=\w+ = |\[)", "", told.out, flags=re.MULTILINE))
    settings = read(file)
    assert {"post", "post_share", "patience"} <= settings.collect.model_fields_set
    assert [source.name for source in App(settings).sources()] == ["slurm", "prometheus"]


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [
        ("<html>welcome</html>", 200, "what answers there is no Prometheus"),
        ('{"data": []}', 200, "what answers there is no Prometheus"),
        ("no", 503, "it does not answer"),
    ],
)
def test_what_is_no_prometheus_is_not_taken_for_one(programs, server, text, status, why):
    url, said = server
    said.update(text=text, status=status)
    here = look(url=url)
    assert here.prometheus is None
    assert why in here.said[2]
    assert "prometheus" not in tomllib.loads(configuration(here)).get("sources", {})


def test_behind_a_prefix(programs):
    programs(ssh='[ "$1" = login1 ] || exit 9; shift; eval "exec $1"', scontrol=SCONTROL)
    here = look("ssh login1", "http://127.0.0.1:1")
    assert (here.slurm, here.cluster) == ("24.11.5", "alex")
    assert tomllib.loads(configuration(here, "ssh login1"))["sources"]["slurm"]["ssh"] == "ssh login1"
