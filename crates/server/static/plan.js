// The cards of a plan follow what is typed; without this there is a button for it.
"use strict";
const plan = document.getElementById("plan");
const shown = document.getElementById("preview");
let waiting;
let asked;
const draw = async () => {
  if (asked) asked.abort();
  asked = new AbortController();
  const body = new URLSearchParams(new FormData(plan));
  try {
    const answer = await fetch(plan.dataset.preview, { method: "POST", body, signal: asked.signal, credentials: "same-origin" });
    // A page of ours, already escaped; whoever has to sign in again sees it when they save.
    if (!answer.ok || answer.redirected) return;
    const drawn = new DOMParser().parseFromString(await answer.text(), "text/html");
    shown.replaceChildren(...drawn.body.childNodes);
  } catch {
    // Away for a moment: the next key asks again.
  }
};
plan.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(draw, 400);
});
