// Keeps the status line of a checkout page current; the page reloads itself without this.
"use strict";
const line = document.getElementById("status");
const started = Date.now();
async function look() {
  if (line.dataset.status !== "pending" || Date.now() - started > 3600000) return;
  try {
    const answer = await fetch(line.dataset.url, { headers: { accept: "application/json" } });
    if (answer.ok) {
      const now = await answer.json();
      if (now.status !== line.dataset.status) return location.reload();
    }
  } catch { /* The next look may get through. */ }
  setTimeout(look, 2000);
}
setTimeout(look, 2000);
