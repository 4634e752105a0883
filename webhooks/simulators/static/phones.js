// Keeps the page true: on each change at the server the live parts are fetched and exchanged.
"use strict";

let busy = false;
let again = false;

async function update() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const text = await (await fetch("/", { cache: "no-store" })).text();
    const next = new DOMParser().parseFromString(text, "text/html");
    if (next.querySelectorAll("article").length !== document.querySelectorAll("article").length) {
      location.reload();
      return;
    }
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = next.getElementById(part.id);
      if (fresh && fresh.outerHTML !== part.outerHTML) await exchange(part, fresh);
    }
  } catch {
    again = false; // the simulator has ended; the event source tries again by itself
  } finally {
    busy = false;
    if (again) { again = false; update(); }
  }
}

async function exchange(part, fresh) {
  const pictures = [...fresh.querySelectorAll("img")].map((one) => {
    const picture = new Image();
    picture.src = one.getAttribute("src");
    return picture.decode().catch(() => {});
  });
  await Promise.all(pictures); // so that a card changes without a flash
  const focused = document.activeElement;
  const buttons = [...part.querySelectorAll("button")];
  const place = buttons.indexOf(focused);
  part.replaceWith(fresh);
  if (place >= 0) fresh.querySelectorAll("button")[place]?.focus();
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.getAttribute("action") === "/phones") return;
  event.preventDefault();
  await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form, event.submitter)),
    redirect: "manual",
  });
  if (form.classList.contains("add")) form.reset();
  update();
});

new EventSource("/live").onmessage = update;
