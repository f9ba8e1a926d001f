// Small comforts of every page; each page is whole without them.
"use strict";
const { lang } = document.documentElement;
// As the server writes them: 1 May 2026, 09:30.
const tag = lang === "en" ? "en-GB" : lang;
// Times where the reader is; UTC on hover.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) continue;
  const day = time.hasAttribute("data-day");
  time.title = time.dateTime;
  time.textContent = at.toLocaleString(tag, day ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" });
}
// A form is sent once; the button keeps its width and shows that something happens.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.dataset.sent) return event.preventDefault();
  event.target.dataset.sent = "1";
  if (button) button.setAttribute("aria-busy", "true");
});
// Back by the browser's button: the form may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});
// What can be copied: the button names the element.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const from = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(from.value ?? from.textContent);
    button.textContent = button.dataset.done;
  });
}
// How varied a new password is, while it is typed; whether it is good enough the server says.
for (const input of document.querySelectorAll("input[data-meter]")) {
  const meter = document.getElementById(input.dataset.meter);
  meter.hidden = false;
  input.addEventListener("input", () => { meter.value = new Set(input.value).size; });
}
// One menu at a time; Escape closes it.
const menus = document.querySelectorAll("details.menu");
for (const menu of menus) {
  menu.addEventListener("toggle", () => {
    if (menu.open) for (const other of menus) if (other !== menu) other.open = false;
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus) if (menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
});
// The console's list is open without script; on a phone it waits for its button.
const rail = document.querySelector("details.rail");
if (rail && window.matchMedia("(max-width: 959px)").matches) rail.open = false;
// A choice that takes effect by itself has a button for browsers without script.
for (const select of document.querySelectorAll("select[data-auto]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
for (const button of document.querySelectorAll("[data-auto-button]")) button.hidden = true;
// A value of a chart under the pointer or the focus.
for (const figure of document.querySelectorAll("figure.chart")) {
  const told = figure.querySelector("[data-tip]");
  const tell = (event) => {
    const bar = event.target.closest("[data-value]");
    if (bar && told) told.textContent = bar.dataset.value;
  };
  figure.addEventListener("pointerover", tell);
  figure.addEventListener("focusin", tell);
}
// A long job: the bar and its words are taken from the page as it is now; when there is no bar, the job is over.
const bar = document.querySelector("progress[data-live]");
async function follow() {
  try {
    const answer = await fetch(location.href);
    const now = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(bar.id);
    if (!now) return location.reload();
    bar.value = now.value;
    bar.labels[0].textContent = now.labels[0].textContent;
  } catch { /* The next look may get through. */ }
  setTimeout(follow, 1000);
}
if (bar) setTimeout(follow, 1000);
