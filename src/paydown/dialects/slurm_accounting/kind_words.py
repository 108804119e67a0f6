"""What tells the kind of a job: words of names, commands and comments (docs/connectors/sacct.md, "Kinds of jobs").

Patterns are RE2, matched whatever the case of letters. They are meant to miss rather than to be wrong: a name that only
speaks of a program (`vllm`, `triton-kernels`) says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """Texts that tell a kind."""

    name: str
    """What stands in `kind_source` after the field."""
    kind: str
    """`batch`, `interactive` or `service`; empty where the text says that the rest says nothing."""
    pattern: str


def _words(*words: str) -> str:
    """Match any of these as whole words: what is neither a letter nor a figure parts words."""
    return rf"(^|[^a-z0-9])({'|'.join(words)})([^a-z0-9]|$)"


_ENGINES = (
    r"vllm|sglang|tgi|triton|ollama|llama-?cpp|lmdeploy|text-generation(-inference)?|ray|bentoml|mlflow|nim|llm|model|"
    r"inference"
)
_SERVERS = r"serve|server|serving|service|api|endpoint"

COMMANDS = (
    Rule(
        "serves-a-model",
        "service",
        r"\bvllm +serve\b|vllm\.entrypoints\.|sglang\.launch_server|\btritonserver\b|text-generation-(launcher|server)|"
        r"\bollama +serve\b|\bllama-server\b|\bserve +(run|deploy)\b|"
        r"\btorchserve\b|\b(lmdeploy|bentoml) +serve\b",
    ),
    Rule("serves", "service", r"\bmlflow +(server|ui)\b|\b(uvicorn|gunicorn)\b|-m +http\.server\b|\bredis-server\b"),
    Rule("jupyter", "interactive", r"\bjupyter(hub)?[- ]+(lab|labhub|notebook|server|nbclassic|singleuser)\b"),
    Rule("vscode", "interactive", r"\bcode(-cli)? +(tunnel|serve-web)\b|\b(open)?(vs)?code-server\b"),
    Rule("rstudio", "interactive", r"\b(rserver|rstudio-server)\b"),
    Rule("desktop", "interactive", r"\b(x?tiger|turbo)?vncserver\b|\bxpra +start\b"),
    Rule("sshd", "interactive", r"\bsshd\b"),
    Rule("sleeps", "interactive", r"\bsleep +(inf|infinity|[0-9]+d|[1-9][0-9]{5,})\b|\btail +-f +/dev/null\b"),
)
"""Commands on the line by which a job was submitted: a program that serves, or that a person sits before."""

PORTAL = Rule("open-ondemand", "interactive", r"(^|/|ondemand-)sys[/-]dashboard[/-]")
"""Interactive apps of Open OnDemand; its job composer's are `sys/myjobs/...`, and are batch."""

NAMES = (
    Rule(
        "serves",
        "service",
        _words(
            rf"({_ENGINES})[-_. ]?({_SERVERS})",
            rf"({_SERVERS})[-_. ]({_ENGINES})",
            "torchserve",
            "tf-?serving",
            "llama-server",
            r"(redis|postgres|mysql|mongo|neo4j|qdrant|milvus)[-_](server|service|db)",
        ),
    ),
    Rule("jupyter", "interactive", r"jupyter|" + _words("jlab", "spawner-jupyterhub", "ipykernel")),
    Rule("rstudio", "interactive", _words("rstudio(-server)?", "rserver")),
    Rule("vscode", "interactive", _words("vs-?code", "(open)?(vs)?code[-_ ]?server", "(vs)?code[-_ ]?tunnel")),
    Rule("desktop", "interactive", _words("(turbo|tiger|no)?vnc(server)?", "xfce", "(remote-?)?desktop", "xpra")),
    Rule("interactive", "interactive", _words("interactive", "sinteractive", "idev", "salloc")),
    Rule("shell", "interactive", r"^-?(ba|z|tc|c|k|fi)?sh$|^(tmux|screen)$"),
    Rule("wrap", "batch", r"^wrap$|\.(sbatch|slurm)$"),
)
"""Names of jobs; `wrap` is what sbatch calls a job of `--wrap`, a script's name one without a name (sbatch(1))."""

DOUBTS = _words(
    "train(ing)?", "test(s|ing)?", "bench(mark(s|ing)?)?", "eval(uation)?", "export", "convert", "nbconvert",
    "papermill", "build", "install", "compile", "download", "kernels?", "batch", "offline", "generate", "sweep",
    "(fine)?tun(e|ing)",
)  # fmt: skip
"""Words beside which those of `NAMES` say nothing: `jupyter-nbconvert`, `bench-vllm-serve`."""

UNCLEAR = r"^(vllm|sglang|tgi|triton|ollama|ray|ray-(head|cluster)|serve|server)$"
"""Names of programs that serve or compute: of a job so called that sbatch submitted nothing is known."""

DECLARED = r"(?:^|[^a-z0-9_])kind[=:] ?(?P<kind>batch|interactive|service)(?:[^a-z0-9]|$)"
"""A comment in which the owner says it: `kind=service`."""

PROGRAMS = (
    Rule("sbatch", "batch", r"^([^ ]*/)?sbatch( |$)"),
    Rule("salloc", "interactive", r"^([^ ]*/)?salloc( |$)"),
    Rule("srun", "interactive", r"^([^ ]*/)?srun( |$)"),
)
"""The program that submitted the job; srun outside of a job waits at a terminal for what it runs."""
