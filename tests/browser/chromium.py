"""Which Chromium, how it is started, and what is asked of every page in it."""

import os
import shutil

from playwright.sync_api import Locator

CHROMIUM = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Every visible text with less contrast than WCAG 2.2 AA asks, as "text: ratio".
PALE_TEXTS = """() => {
  const channel = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) =>
    0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const pale = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const pair = [luminance(parse(getComputedStyle(element).color)), luminance(ground(element))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) pale.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return pale;
}"""
# Every visible element that stands out of the window, also where its box cuts it off.
OUTSIDE = """() => [...document.querySelectorAll("body *")]
  .filter(e => e.checkVisibility() && !e.closest("pre, .spoken, .skip, .hidden, svg"))
  .filter(e => {
    const box = e.getBoundingClientRect();
    return box.right > innerWidth + 1 || box.left < -1 || e.scrollWidth > e.clientWidth + 1
      && getComputedStyle(e).overflow === "hidden";
  })
  .map(e => e.outerHTML.slice(0, 80))"""


def submit(button: Locator) -> None:
    """Sends a form without script, and waits until the next page is there with its style sheet."""
    with button.page.expect_navigation():
        button.click()
