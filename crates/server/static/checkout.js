// Keeps a checkout page current: the status by server-sent events, or by asking where there are none; the countdown. The
// page reloads itself without this.
"use strict";
const line = document.getElementById("status");
const started = Date.now();
const heard = (status) => {
  if (status && status !== line.dataset.status) location.replace(location.pathname);
};
const look = async () => {
  try {
    const answer = await fetch(line.dataset.url, { headers: { accept: "application/json" } });
    if (answer.ok) heard((await answer.json()).status);
  } catch { /* The next look may get through. */ }
};
// With pauses that grow to half a minute, for an hour.
let asks = false;
const ask = (pause) => {
  asks = true;
  setTimeout(async () => {
    await look();
    if (Date.now() - started < 3600000) ask(Math.min(pause * 1.5, 30000));
  }, pause);
};
const listen = () => {
  const source = new EventSource(line.dataset.events);
  const fall = () => {
    source.close();
    if (!asks) ask(2000);
  };
  // The first word comes at once; where it does not, something on the way keeps it.
  const silence = setTimeout(fall, 8000);
  source.addEventListener("status", (event) => {
    clearTimeout(silence);
    heard(JSON.parse(event.data).status);
  });
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) fall(); });
};
if (line.dataset.status === "pending") {
  if (window.EventSource) listen(); else ask(2000);
  // Back from the app that pays.
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
}
const left = document.getElementById("left");
if (left) {
  const end = Date.now() + left.dataset.seconds * 1000;
  const tick = () => {
    const rest = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    left.textContent = `${Math.floor(rest / 60)}:${String(rest % 60).padStart(2, "0")}`;
    if (rest) setTimeout(tick, 1000); else setTimeout(() => location.replace(location.pathname), 1500);
  };
  tick();
}
// Inside WeChat, where the host has told who the buyer is there.
const bridge = document.getElementById("bridge");
if (bridge) {
  const ready = () => {
    bridge.hidden = false;
    bridge.addEventListener("click", () => {
      window.WeixinJSBridge.invoke("getBrandWCPayRequest", JSON.parse(bridge.dataset.params), (answer) => {
        if (/:ok$/.test(answer.err_msg)) document.getElementById("check").requestSubmit();
      });
    });
  };
  if (window.WeixinJSBridge) ready(); else document.addEventListener("WeixinJSBridgeReady", ready);
}
