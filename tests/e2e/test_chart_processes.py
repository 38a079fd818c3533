"""What the chart renders, run: ready, a ticket answered, drained without losing a stream, degraded and back."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from agent.channels.standard_webhooks import Signer
from agent.wiring.up import new_secret
from tests.bench.report_samples import SAMPLES
from tests.deploy.conftest import found_tools
from tests.deploy.rendered import CHART, NAMESPACE, NEWEST, RELEASE, SECRETS, Release, read_release
from tests.e2e.pods import Machine, RunningPod, alone, can_run, devices, status, writable
from tests.e2e.product import ANSWERS_IN_S, ROOT, SOURCE, STARTS_IN_S, Inbox, message, until
from tests.integration.channels.widget_world import SHOP, Browser, Sse

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_run(), reason="this user may not make a root and a network for pods"),
]

REDIS, CHROMA, MODEL = 6379, 8000, 8001
MODEL_S = 2.0
QUESTION = "How much do I get back if I cancel three days before check-in?"
VALUES = {
    "config": {"existingSecret": "innkeeper-config"},
    "apiKey": {"existingSecret": "innkeeper-api"},
    "redis": {
        "enabled": False,
        "auth": {"existingSecret": "innkeeper-redis"},
        "external": {"url": f"redis://:$(REDIS_PASSWORD)@127.0.0.1:{REDIS}/0"},
    },
    "chroma": {"enabled": False, "external": {"url": f"http://127.0.0.1:{CHROMA}"}},
    "llm": {"external": {"url": f"http://127.0.0.1:{MODEL}/v1", "profile": "qwen3"}},
    "api": {"preStopSeconds": 1},
    "ingest": {
        "sources": [{"name": "centre", "kind": "folder", "path": "/documents"}],
        "extraVolumes": [{"name": "documents", "persistentVolumeClaim": {"claimName": "documents", "readOnly": True}}],
        "extraVolumeMounts": [{"name": "documents", "mountPath": "/documents", "readOnly": True}],
    },
    "network": {
        "external": [
            {
                "host": "127.0.0.1",
                "ports": [REDIS, CHROMA, MODEL],
                "to": [{"ipBlock": {"cidr": "127.0.0.1/32"}}],
                "from": ["api", "worker", "ingest"],
            }
        ]
    },
}
"""Services that run elsewhere, all of them on loopback."""


@dataclass
class Cluster:
    """Pods, and what they use."""

    folder: Path
    release: Release
    machine: Machine
    inbox: Inbox
    secret: str
    services: ExitStack
    pods: dict[str, RunningPod] = field(default_factory=dict)
    started: int = 0
    model: subprocess.Popen[bytes] | None = None

    def start(self, component: str) -> RunningPod:
        """A pod, once its probes say that it is ready."""
        self.started += 1
        pod = self.machine.start(self.release.pod(component), f"{component}-{self.started}")
        self.pods[component] = pod
        self.services.callback(pod.kill)
        if component != "ingest":
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                self.until_ok(pod, probe)
        return pod

    def until_ok(self, pod: RunningPod, probe: str) -> None:
        def is_ok() -> bool:
            assert pod.process.poll() is None, pod.told()
            return get(pod.url(probe)) is not None

        until(is_ok, STARTS_IN_S, pod.told)

    def start_model(self) -> None:
        command = (sys.executable, "-m", "tests.bench.scripted_model", str(MODEL), "--seconds", str(MODEL_S))
        self.model = subprocess.Popen(command, cwd=ROOT)
        self.services.callback(self.model.wait)
        self.services.callback(self.model.kill)
        until(lambda: get(f"http://127.0.0.1:{MODEL}/asked"), STARTS_IN_S)

    def asked(self) -> int:
        """How often the model has been asked."""
        told = get(f"http://127.0.0.1:{MODEL}/asked")
        assert told is not None
        return int(told["calls"])

    def deliver(self, ticket: str, text: str = QUESTION) -> int:
        body = message(ticket, text, f"{ticket}-1")
        headers = Signer(self.secret).headers(f"msg_{ticket}", body) | {"content-type": "application/json"}
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.post(f"{API}/webhooks/{SOURCE}", content=body, headers=headers).status_code

    def outcome(self, ticket: str) -> dict[str, Any]:
        """The ticket's one outcome."""
        found = until(lambda: self.inbox.of(ticket), ANSWERS_IN_S, lambda: self.pods["worker"].told())
        assert len(found) == 1
        return dict(found[0]["data"])


API = "http://127.0.0.1:8080"


def get(url: str) -> dict[str, Any] | None:
    """What is there; None for an error or nobody."""
    try:
        response = httpx.get(url, trust_env=False, timeout=10)
    except httpx.HTTPError:
        return None
    return dict(response.json()) if response.is_success else None


def until_says(pod: RunningPod, status: str) -> None:
    """What the readiness probe meets."""
    until(lambda: (get(pod.url("readinessProbe")) or {}).get("status") == status, STARTS_IN_S, pod.told)


def rendered(folder: Path) -> Release:
    (folder / "values.yaml").write_text(yaml.safe_dump(VALUES))
    command = [str(found_tools() / "helm"), "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--kube-version", NEWEST]
    done = subprocess.run([*command, "-f", str(folder / "values.yaml")], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return read_release("processes", done.stdout)


@contextmanager
def cluster(folder: Path, release: Release) -> Iterator[Cluster]:
    """Redis, Chroma and a model on loopback, the knowledge base ingested by the chart's job, api and worker."""
    secret = new_secret()
    with ExitStack() as services:
        redis = ("redis-server", "--port", str(REDIS), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder))
        chroma = (str(Path(sys.prefix) / "bin" / "chroma"), "run", "--path", str(folder / "vectors"), "--port", str(CHROMA))
        for command in ((*redis, "--requirepass", SECRETS["innkeeper-redis", "redis-password"]), chroma):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            services.callback(process.wait)
            services.callback(process.kill)
        inbox = services.enter_context(Inbox(secret))
        config = f"""
            [helpdesks.{SOURCE}]
            secrets = ["{secret}"]
            reply_url = "{inbox.url}"
            [sites.shop]
            name = "Shop"
            origins = ["{SHOP}"]
        """
        files = {"innkeeper-config": {"innkeeper.toml": config}}
        files |= {one["metadata"]["name"]: one["data"] for one in release.kind("ConfigMap")}
        kept = folder / "ingest"
        kept.mkdir(mode=0o777)
        kept.chmod(0o777)
        claims = {"documents": ROOT / SAMPLES / "help_centre", "innkeeper-ingest": kept}
        made = Cluster(folder, release, Machine(folder, files, claims), inbox, secret, services)
        until(lambda: get(f"http://127.0.0.1:{CHROMA}/api/v2/heartbeat"), STARTS_IN_S)
        made.start_model()
        ingest = made.start("ingest")
        assert ingest.process.wait(STARTS_IN_S) == 0, ingest.told()
        for component in ("api", "worker"):
            made.start(component)
        yield made


Body = Callable[[Cluster], Awaitable[None]]
Run = Callable[[Body], None]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a test's body beside the pods: in a thread that has their network."""
    folder = tmp_path_factory.mktemp("pods")
    folder.chmod(0o755)
    release = rendered(folder)
    with alone() as inside:
        context = cluster(folder, release)
        made = inside(context.__enter__)

        def run_it(body: Body) -> None:
            async def go() -> None:
                await body(made)

            inside(lambda: asyncio.run(go()))

        try:
            yield run_it
        finally:
            inside(lambda: context.__exit__(None, None, None))


def test_pods_run_as_the_chart_says_and_answer(run: Run) -> None:
    async def body(made: Cluster) -> None:
        for component in ("api", "worker"):
            process = made.pods[component].process
            said = status(process)
            assert said["Uid"] == "10001 10001 10001 10001"
            assert {said[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
            assert said["NoNewPrivs"] == "1"
            assert writable(process) == {"/data", "/tmp"}
            assert devices(process) == ["lo"]
        assert made.deliver("T-1") == 202
        answered = made.outcome("T-1")
        assert answered["decision"] == "answer"
        assert answered["citations"]

    run(body)


def test_an_api_that_is_stopped_loses_neither_a_request_nor_a_stream(run: Run) -> None:
    async def body(made: Cluster) -> None:
        key = {"authorization": f"Bearer {SECRETS['innkeeper-api', 'api-key']}"}
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWERS_IN_S) as client:
            browser = Browser(API, client)
            await browser.begin()
            cid = await browser.converse()
            async with browser.events(cid) as stream:
                stream.wait_s = ANSWERS_IN_S
                before = made.asked()
                answering = asyncio.create_task(client.post(f"{API}/v1/answers", json={"question": QUESTION}, headers=key))
                await asked_again(made, before)
                assert (await browser.say(cid, QUESTION)).status_code == 202
                stopping = asyncio.create_task(asyncio.to_thread(made.pods["api"].stop))
                answer = await answering
                with pytest.raises(EOFError):  # it is ended, and not cut
                    await read_on(stream)
                assert await stopping == 0, made.pods["api"].told()
            assert answer.status_code == 200
            assert answer.json()["decision"] == "answer"
            assert answer.json()["citations"]
            made.start("api")
            async with browser.events(cid, after=stream.last_id) as resumed:
                resumed.wait_s = ANSWERS_IN_S
                if not await has_answer(browser, cid):
                    await resumed.until("message.completed")
            assert [one["role"] for one in (await browser.messages(cid))["messages"]] == ["customer", "assistant"]

    run(body)


async def asked_again(made: Cluster, before: int) -> None:
    """Once the model has been asked more often than that."""
    for _ in range(int(ANSWERS_IN_S / 0.05)):
        if made.asked() > before:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the model was not asked")


async def read_on(stream: Sse) -> None:
    """To the end, which raises."""
    while True:
        await stream.next()


async def has_answer(browser: Browser, cid: str) -> bool:
    return any(one["role"] == "assistant" for one in (await browser.messages(cid))["messages"])


def test_without_a_model_pods_are_degraded_and_come_back(run: Run) -> None:
    async def body(made: Cluster) -> None:
        assert made.model is not None
        made.model.kill()
        made.model.wait()
        for component in ("api", "worker"):
            pod = made.pods[component]
            until(
                lambda pod=pod: (told := get(pod.url("readinessProbe"))) and told["status"] == "degraded", STARTS_IN_S, pod.told
            )
            assert get(pod.url("livenessProbe"))
        assert made.deliver("T-2") == 202
        made.start_model()
        for component in ("api", "worker"):
            until_says(made.pods[component], "ready")
        assert made.outcome("T-2")["decision"] == "answer"

    run(body)


def test_a_worker_that_is_stopped_in_a_turn_leaves_one_reply(run: Run) -> None:
    async def body(made: Cluster) -> None:
        before = made.asked()
        assert made.deliver("T-3") == 202
        until(lambda: made.asked() > before, ANSWERS_IN_S, made.pods["worker"].told)
        assert made.pods["worker"].stop() == 0, made.pods["worker"].told()
        made.start("worker")
        assert made.outcome("T-3")["decision"] == "answer"
        assert made.deliver("T-4") == 202
        made.outcome("T-4")
        assert len(made.inbox.of("T-3")) == 1

    run(body)
