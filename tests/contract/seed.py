"""Prints a fresh service key with the scope `quota`, made by the admin of the environment."""

from __future__ import annotations

import os

import httpx2

with httpx2.Client(base_url=os.environ["CONTRACT_TOLLGATE"], timeout=30) as service:
    wish = {"email": os.environ["CONTRACT_ADMIN_EMAIL"], "password": os.environ["CONTRACT_ADMIN_PASSWORD"]}
    signed_in = service.post("/auth/login", json=wish).raise_for_status().json()
    headers = {"authorization": f"Bearer {signed_in['access_token']}"}
    wish = {"name": "contract", "scopes": ["quota"]}
    print(service.post("/admin/service-keys", json=wish, headers=headers).raise_for_status().json()["key"])
