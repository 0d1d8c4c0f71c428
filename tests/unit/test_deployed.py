"""What is deployed beside the service: alerts, runbooks, dashboard, by the names there are."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from service.app import ALONE, LOOPS, SPEAKING
from service.options import PREFIX, Options
from service.watch.catalogue import CATALOGUE, NAMED, Form

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "examples" / "deploy"
RUNBOOKS = PROJECT / "docs" / "runbooks"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ITS_OWN = {"up": {"job", "instance"}}
"""Series that Prometheus makes itself of whom it asks, and their labels."""
SPOKEN = {
    *(metric.name for metric in CATALOGUE if metric.form is not Form.HISTOGRAM),
    *(
        f"{metric.name}{part}"
        for metric in CATALOGUE
        if metric.form is Form.HISTOGRAM
        for part in ("_bucket", "_sum", "_count")
    ),
}
"""Every series that the service can show, as Prometheus names it."""
PROBES = ("startup", "liveness", "readiness")
ADDED = {"instance", "job", "le"}
"""Labels that Prometheus adds itself."""


def selectors(expression: str) -> list[Any]:
    """Return every selector of a series in a PromQL expression; raises where it is none."""
    found: list[Any] = []
    seen = [promql_parser.parse(expression)]
    while seen:
        each = seen.pop()
        if isinstance(each, promql_parser.VectorSelector):
            found.append(each)
        parts = ("expr", "lhs", "rhs", "param", "vector_selector", "vs")
        inner = [getattr(each, part, None) for part in parts]
        seen += [part for part in inner if isinstance(part, promql_parser.Expr)]
        seen += list(getattr(each, "args", None) or [])
    return found


def faults(expression: str) -> list[str]:
    """Return what an expression asks for that the service does not show."""
    found = []
    for selector in selectors(expression):
        if selector.name in ITS_OWN:
            continue
        if selector.name not in SPOKEN:
            found.append(f"no series is called {selector.name}")
            continue
        metric = NAMED[re.sub("_(bucket|sum|count)$", "", selector.name)]
        asked = {matcher.name for matcher in selector.matchers.matchers}
        found += [f"{metric.name} has no {name}" for name in asked - {*metric.labels} - ADDED]
    words = re.findall(r"\b(?:by|without|on)\s*\(([^)]*)\)", expression)
    grouped = {name.strip() for each in words for name in each.split(",")} - ADDED - {""}
    labels = {label for metric in CATALOGUE for label in metric.labels}
    return found + [f"nothing has a label {name}" for name in sorted(grouped - labels)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_shown_and_has_its_page(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"]) == []
    assert selectors(rule["expr"]), "it looks at something"
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    page = PROJECT / rule["annotations"]["runbook"]
    assert page.parent == RUNBOOKS
    assert page.read_text().startswith(f"# {rule['alert']}\n")
    asked = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert asked <= {label for metric in CATALOGUE for label in metric.labels} | ADDED


def test_every_alert_is_tried_by_promtool_with_what_wakes_it() -> None:
    tried = yaml.safe_load((DEPLOY / "alerts.test.yml").read_text())["tests"]
    woken = {
        case["alertname"]
        for test in tried
        for case in test.get("alert_rule_test", [])
        if case.get("exp_alerts")
    }
    assert woken == {rule["alert"] for rule in RULES}
    assert any("promql_expr_test" in test for test in tried), "a day that wakes nobody"


def told_by_promtool(*words: str) -> str:
    """Return what promtool finds wrong, nothing where it finds nothing."""
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool here")
def test_promtool_takes_the_rules_and_they_wake_whom_they_should(tmp_path: Path) -> None:
    for name in ("alerts.yml", "alerts.test.yml", "prometheus.yml"):
        text = (DEPLOY / name).read_text().replace("/etc/prometheus/", f"{tmp_path}/")
        (tmp_path / name).write_text(text)
    assert told_by_promtool("check", "config", str(tmp_path / "prometheus.yml")) == ""
    assert told_by_promtool("test", "rules", str(tmp_path / "alerts.test.yml")) == ""
    wrong = (tmp_path / "alerts.yml").read_text().replace("max(abs(fq_conservation_gap)) > 0", "1")
    (tmp_path / "alerts.yml").write_text(wrong)
    assert "ConservationGap" in told_by_promtool("test", "rules", str(tmp_path / "alerts.test.yml"))


def test_every_runbook_is_of_an_alert_and_every_alert_has_a_name_of_its_own() -> None:
    pages = {rule["annotations"]["runbook"] for rule in RULES}
    assert pages == {f"docs/runbooks/{page.name}" for page in RUNBOOKS.glob("*.md")}
    assert len(pages) == len(RULES) == len({rule["alert"] for rule in RULES})


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_for_what_is_shown(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for target in panel["targets"]:
        assert faults(target["expr"]) == []


def test_panels_have_ids_of_their_own_and_do_not_lie_on_each_other() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_every_metric_is_on_the_dashboard_or_in_an_alert(metric: Any) -> None:
    asked = [rule["expr"] for rule in RULES]
    asked += [target["expr"] for panel in PANELS for target in panel["targets"]]
    named = {re.sub("_(bucket|sum|count)$", "", s.name) for each in asked for s in selectors(each)}
    assert metric.name in named


def test_a_wrong_name_is_noticed() -> None:
    assert faults("max(fq_gap) > 0") == ["no series is called fq_gap"]
    assert faults('max(rate(fq_log_size{scope="x"}[5m]))') == ["fq_log_size has no scope"]
    assert faults("sum by (source) (fq_log_size)") == ["nothing has a label source"]
    assert faults("fq_review_age_seconds > 1"), "a histogram has no series of its bare name"
    with pytest.raises(ValueError, match=r"."):
        selectors("max(fq_log_size")


def test_prometheus_asks_the_containers_that_answer() -> None:
    compose = yaml.safe_load((PROJECT / "compose.yaml").read_text())
    asked = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    targets = asked["scrape_configs"][0]["static_configs"][0]["targets"]
    answering = {
        f"{name}:{service['environment']['FQ_HTTP'].rpartition(':')[2]}"
        for name, service in compose["services"].items()
        if "FQ_HTTP" in service.get("environment", {})
    }
    assert set(targets) == answering


def test_what_is_set_where_it_is_deployed_can_be_set() -> None:
    files = [PROJECT / "compose.yaml", *DEPLOY.rglob("*"), *(PROJECT / "docs").rglob("*.md")]
    known = {f"{PREFIX}{name.upper()}" for name in Options.model_fields} | {"FQ_UID", "FQ_GID"}
    for file in (each for each in files if each.is_file()):
        said = set(re.findall(r"\bFQ_[A-Z_]+[A-Z]\b", file.read_text()))
        assert said <= known, file


PODS: list[dict[str, Any]] = [
    each
    for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    if each["kind"] != "Service"
]


def role_of(workload: dict[str, Any]) -> str:
    return str(workload["metadata"]["name"]).removeprefix("quarantine-")


def test_every_role_has_its_pod() -> None:
    assert [role_of(each) for each in PODS] == [*LOOPS, *ALONE]


@pytest.mark.parametrize("workload", PODS, ids=role_of)
def test_a_pod_is_asked_what_is_answered_and_runs_as_nobody_special(
    workload: dict[str, Any],
) -> None:
    pod = workload["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    asked = {container[f"{probe}Probe"]["httpGet"]["path"] for probe in PROBES}
    assert asked == {"/startupz", "/livez", "/readyz"}
    assert container["args"] == ["up", "--only", role_of(workload)]
    for each in (container, *pod["initContainers"]):
        assert each["securityContext"]["readOnlyRootFilesystem"] is True
        assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    volumes = {volume["name"] for volume in pod["volumes"]}
    claims = workload["spec"].get("volumeClaimTemplates", [])
    volumes |= {claim["metadata"]["name"] for claim in claims}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


@pytest.mark.parametrize("workload", PODS, ids=role_of)
def test_a_pod_is_who_its_container_of_compose_is(workload: dict[str, Any]) -> None:
    role, pod = role_of(workload), workload["spec"]["template"]["spec"]
    services = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]
    told = services["intake-1" if role == "intake" else role]["environment"]
    said = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert said == {name: told[name] for name in told if name.startswith("FQ_")}
    (secret,) = [each["secret"] for each in pod["volumes"] if "secret" in each]
    assert secret["secretName"] == workload["metadata"]["name"]
    copied = pod["initContainers"][0]["command"][-1]
    assert ("/secret/bus-password" in copied) == ("FQ_BUS" in said) == (role in SPEAKING)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the homes that `prepare.py` makes."""
    place = tmp_path_factory.mktemp("deployed") / "house"
    place.mkdir()
    runpy.run_path(str(DEPLOY / "prepare.py"))["prepare"](place, ["app"])
    return place


@pytest.mark.parametrize("workload", PODS, ids=role_of)
def test_a_pod_makes_its_home_of_its_secret_and_again_when_it_starts_anew(
    workload: dict[str, Any], house: Path, tmp_path: Path
) -> None:
    role = role_of(workload)
    home = house / ("intake-1" if role == "intake" else role)
    secret, state = tmp_path / "secret", tmp_path / "state"
    secret.mkdir()
    for file in (*home.iterdir(), *(home / "keys").iterdir()):
        if file.is_file():
            shutil.copy(file, secret)
    (name, *options, script) = workload["spec"]["template"]["spec"]["initContainers"][0]["command"]
    script = script.replace("/secret/", f"{secret}/").replace("/state/", f"{state}/")
    for _ in range(2):
        subprocess.run([name, *options, script], check=True)
        told = {str(each.relative_to(home)) for each in home.rglob("*") if each.is_file()}
        made = {str(each.relative_to(state)) for each in state.rglob("*") if each.is_file()}
        assert made == told
        assert not any(each.stat().st_mode & 0o077 for each in state.rglob("*"))


def understood(unit: str, folder: Path) -> str:
    """Return what systemd does not understand of a unit."""
    file = folder / "quarantine@.service"
    file.write_text(unit.replace("/opt/quarantine/bin/quarantine", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False
    )
    return "\n".join(line for line in done.stderr.splitlines() if "quarantine@" in line)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "systemd" / "quarantine@.service").read_text()
    assert understood(unit, tmp_path) == ""
    assert "Restrat" in understood(unit.replace("Restart=", "Restrat="), tmp_path)


def test_a_role_without_a_password_is_given_a_line_that_says_none(tmp_path: Path) -> None:
    unit = (DEPLOY / "systemd" / "quarantine@.service").read_text()
    (given,) = re.findall("^SetCredential=bus-password:(.+)$", unit, re.MULTILINE)
    file = tmp_path / "bus-password"
    file.write_text(given.encode().decode("unicode_escape"))
    options = Options(bus_password_file=file)
    assert options.unlocked("redis://bus:6379") == "redis://bus:6379"


def test_the_image_runs_as_nobody_special_and_says_whether_it_is_alive() -> None:
    image = (DEPLOY / "Dockerfile").read_text()
    stage = image.rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001\n" in stage
    assert "--uid 10001 " in stage
    assert "HEALTHCHECK" in stage
    made = re.findall(r"install -d -m 1777 (.+)", stage)[0].split()
    mounted = {
        str(volume).split(":")[1]
        for service in yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"].values()
        if str(service.get("image", "")) in {"", "feedback-quarantine:0.1.0"}
        for volume in service.get("volumes", [])
        if not str(volume).startswith("./")
    }
    assert mounted == set(made), "a volume begins as its place: else nobody but root writes there"
    assert "/livez" in stage
    assert "pip install" not in stage, "what builds is not in what runs"
