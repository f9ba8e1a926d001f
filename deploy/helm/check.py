"""Lints the chart, renders it with several values, and looks at what comes out; `check` runs it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

TOP = Path(__file__).resolve().parents[2]
CHART = TOP / "deploy" / "helm" / "tollgate"
NEEDED = {"publicUrl": "https://pay.example.com", "adminEmail": "me@example.com", "secrets": {"existing": "mine"}}
SETTINGS = {name.upper() for name in tomllib.loads((TOP / "crates/server/config.default.toml").read_text())}


def need(true: bool, what: str, seen: object = "") -> None:
    """Ends the run unless it is true."""
    if not true:
        raise SystemExit(f"FAILED: {what} {seen}")


def rendered(**values: Any) -> dict[str, dict[str, Any]]:
    """Its objects, by kind."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render({**NEEDED, **values}, name="shop", namespace="default")
    objects = [one for text in files.values() for one in yaml.safe_load_all(text) if one]
    return {one["kind"]: one for one in objects}


def refused(why: str, **values: Any) -> None:
    """Nothing comes out, and the reason is said."""
    try:
        rendered(**values)
    except helm.HelmError as error:
        need(why in str(error), f"it is refused, but not because of {why}:", error)
    else:
        need(False, "it should be refused:", why)


def pod_of(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What holds of every Deployment of it; gives the pod."""
    deployment = objects["Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (deployment["spec"]["selector"]["matchLabels"], objects["Service"]["spec"]["selector"]):
        need(selector.items() <= labels.items(), "a selector finds the pods:", selector)
    need(pod["securityContext"]["runAsUser"] == 10001 and pod["securityContext"]["runAsNonRoot"], "the image's user")
    need(container["securityContext"]["readOnlyRootFilesystem"], "a root that cannot be written")
    need(container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, "no capabilities")
    need(pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False, "nothing of the cluster")
    for one in container["env"]:
        need(one["name"].removesuffix("_FILE") in SETTINGS, "the service knows the setting", one["name"])
        need(isinstance(one["value"], str), "a value is text:", one)
    volumes = {one["name"] for one in pod["volumes"]}
    need({one["name"] for one in container["volumeMounts"]} == volumes, "what is mounted is there", volumes)
    items = {item["path"] for one in pod["volumes"] if one["name"] == "secrets" for item in one["secret"]["items"]}
    files = {Path(one["value"]).name for one in container["env"] if one["name"].endswith("_FILE")}
    need(files == items, "every secret is a file, and named:", (files, items))
    need(container["ports"][0]["name"] == objects["Service"]["spec"]["ports"][0]["targetPort"], "the Service's port")
    return pod


def main() -> None:
    """All of it."""
    told = helm.lint(CHART, NEEDED, strict=True)
    need(told["total_charts_linted"] == 1 and not told["errors"], "lint:", told)
    need(all(message["severity"] < 2 for message in told["messages"]), "lint:", told)

    # Several instances, PostgreSQL.
    objects = rendered(settings={"ALIPAY_APP_ID": "2021000000000000", "RATE_LIMIT_PER_MINUTE": 600})
    need(set(objects) == {"Deployment", "Service"}, "nothing but these:", set(objects))
    pod = pod_of(objects)
    env = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    need(env["DATABASE_URL_FILE"] == "/run/secrets/tollgate/database_url", "the database's address", env)
    need(env["APP_ENV"] == "production" and env["SANDBOX"] == "off", "for real money", env)
    need(env["RATE_LIMIT_PER_MINUTE"] == "600", "a number is text", env)
    need(pod["terminationGracePeriodSeconds"] > 9, "time to finish")
    need(objects["Deployment"]["spec"]["strategy"]["type"] == "RollingUpdate", "no pause at an upgrade")

    # One instance, SQLite, and an ingress.
    ingress = {"enabled": True, "host": "pay.example.com", "tlsSecret": "pay-tls", "className": "nginx"}
    keys = {"existing": "mine", "keys": ["master_key", "admin_password"]}
    objects = rendered(replicas=1, persistence={"enabled": True}, secrets=keys, ingress=ingress)
    need(set(objects) == {"Deployment", "Service", "Ingress", "PersistentVolumeClaim"}, "all four:", set(objects))
    pod = pod_of(objects)
    claims = [one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"] if "persistentVolumeClaim" in one]
    need(claims == [objects["PersistentVolumeClaim"]["metadata"]["name"]], "its claim", claims)
    need(objects["Deployment"]["spec"]["strategy"]["type"] == "Recreate", "one after the other")
    backend = objects["Ingress"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    need(backend["name"] == objects["Service"]["metadata"]["name"], "where the ingress leads", backend)
    need(backend["port"]["name"] == objects["Service"]["spec"]["ports"][0]["name"], "its port", backend)

    refused("publicUrl", publicUrl="")
    refused("adminEmail", adminEmail="")
    refused("secrets.existing", secrets={"existing": ""})
    refused("one SQLite file", replicas=2, persistence={"enabled": True}, secrets=keys)
    refused("nothing would be kept", secrets=keys)
    print(f"chart: linted and rendered by Helm {helm.helm_sdk_version()}; not installed anywhere")


if __name__ == "__main__":
    main()
