"""What monitoring systems ask: /healthz and /metrics."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from webui.feed import feed


@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the console serves; the body says whether its agent answers."""
    view = feed.current()
    return JsonResponse(
        {
            "console": "ok",
            "agent": "ok" if view.live else "unreachable",
            "agent_detail": "" if view.live else view.trouble,
            "node": view.picture.node,
            "cluster": view.picture.cluster,
            "dc": view.picture.dc,
            "cib_version": view.picture.version,
        }
    )


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    picture, live = feed.current().picture, feed.current().live
    registry = CollectorRegistry()

    def gauge(name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"hacluster_{name}", help_text, labels, registry=registry)

    gauge("agent_up", "The agent of this node answers the console").set(live)
    gauge("quorum", "The partition has quorum").set(picture.has_quorum)
    online = gauge("node_online", "The node can run services", "node")
    is_dc = gauge("node_dc", "The node is the DC", "node")
    for node in picture.nodes.values():
        online.labels(node.name).set(node.can_host)
        is_dc.labels(node.name).set(node.is_dc)
    running = gauge("resource_running", "The resource runs on the node", "resource", "node")
    failures = gauge("resource_failcount", "Failures of the resource on the node", "resource", "node")
    for cell in picture.cells.values():
        up = cell.state in ("running", "promoted", "unpromoted", "alone", "unmanaged", "maintenance", "double")
        running.labels(cell.resource, cell.node).set(up)
        failures.labels(cell.resource, cell.node).set(cell.failcount)
    problems = gauge("problems", "Problems that the console shows", "severity")
    for severity in ("critical", "major", "warning"):
        problems.labels(severity).set(sum(each.severity == severity for each in picture.problems))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
