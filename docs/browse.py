"""Walks the built pages in a browser: `make browse`, or `python docs/browse.py [--all] [--pictures FOLDER]` after `make docs`.

Every page loads without an error on the console, without a file that is missing and without the network; equations are typeset,
pictures are there; every page is two clicks from the first one; who searches the name of another tool finds its page. Needs Chromium,
Chrome, or what `CHROMIUM` names, and is skipped where there is none.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

BUILT = Path(__file__).parent / "_build" / "html"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
# What somebody types who comes from another tool, and the page that is meant.
SEARCHED = {
    "Brian2": "coming_from/brian2",
    "NeuronGroup": "coming_from/brian2",
    "NEST": "coming_from/nest",
    "spike_recorder": "coming_from/nest",
    "BrainPy": "coming_from/brainpy",
    "snnTorch": "coming_from/snntorch",
    "SpikingJelly": "coming_from/snntorch",
    "Norse": "coming_from/snntorch",
    "NEURON": "coming_from/neuron",
    "Jaxley": "coming_from/neuron",
}
LOOK = """(async () => {
  const late = ms => new Promise(done => setTimeout(done, ms));
  const maths = document.querySelectorAll("span.math, div.math").length;
  if (maths) for (let k = 0; k < 300 && !document.querySelector("mjx-container"); k++) await late(100);
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map(image => image.decode().catch(() => {})));
  return {
    title: document.title,
    links: [...document.querySelectorAll("a[href]")].map(a => a.href.split("#")[0]),
    wrong: [...document.querySelectorAll("mjx-merror")].map(e => "an equation: " + e.textContent)
      .concat(maths && !document.querySelector("mjx-container") ? ["equations are not typeset"] : [])
      .concat([...document.images].filter(i => !i.naturalWidth).map(i => "no picture " + i.src)),
  };
})()"""
FOUND = """(async () => {
  for (let k = 0; k < 300; k++) {
    const found = [...document.querySelectorAll("#search-results li a")].map(a => a.href);
    if (found.length && /finished|found/i.test(document.querySelector("#search-results").textContent)) return found;
    await new Promise(done => setTimeout(done, 100));
  }
  return [];
})()"""


class Browser:
    """A browser that is spoken to through two pipes, in messages of the DevTools protocol."""

    def __init__(self, program: str):
        self.home = tempfile.TemporaryDirectory()
        to_browser, self.out = os.pipe()
        self.into, from_browser = os.pipe()
        # The protocol reads from descriptor 3 and writes to 4.
        command = ["sh", "-c", f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}', program, *OPTIONS]
        command += ["--remote-debugging-pipe", f"--user-data-dir={self.home.name}", "about:blank"]
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process = subprocess.Popen(command, pass_fds=(to_browser, from_browser), **quiet)
        os.close(to_browser)
        os.close(from_browser)
        self.asked, self.rest, self.events, self.session = 0, b"", [], None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params):
        """Send a command and return its result; events on the way are kept."""
        self.asked += 1
        message = {"id": self.asked, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            got = self._message()
            if got.get("id") == self.asked:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']['message']}")
                return got["result"]
            self.events.append(got)

    def _message(self) -> dict:
        while b"\0" not in self.rest:
            piece = os.read(self.into, 1 << 16)
            if not piece:
                raise RuntimeError("the browser has ended")
            self.rest += piece
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def open(self, url: str) -> None:
        """Go to a page and wait until it has loaded."""
        self.events.clear()
        self.ask("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def value(self, script: str):
        """What a script of the page returns, when it has been done."""
        got = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in got:
            raise RuntimeError(str(got["exceptionDetails"]))
        return got["result"].get("value")

    def complaints(self, own: str) -> list[str]:
        """Errors of the console, what could not be loaded, and what was asked of the network, since the page was opened."""
        found = []
        for event in self.events:
            params = event.get("params", {})
            match event.get("method"):
                case "Runtime.exceptionThrown":
                    found.append(
                        "exception: " + str(params["exceptionDetails"].get("exception", {}).get("description"))
                    )
                case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                    found.append("console: " + " ".join(str(a.get("value")) for a in params["args"]))
                case "Log.entryAdded" if str(params["entry"].get("url")).endswith("/favicon.ico"):
                    pass  # which the browser asks for by itself
                case "Log.entryAdded" if params["entry"]["level"] == "error":
                    found.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
                case "Network.requestWillBeSent" if not params["request"]["url"].startswith((own, "data:", "blob:")):
                    found.append(f"asks the network: {params['request']['url']}")
        return found

    def picture(self, path: Path, width: int = 1300, height: int = 1000) -> None:
        """What the page looks like."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        self.session = None
        with contextlib.suppress(RuntimeError):
            self.ask("Browser.close")
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home.name, ignore_errors=True)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


def walk(browser: Browser, own: str, pages: list[str], pictures: Path | None) -> list[str]:
    """Open all pages; what is wrong with them."""
    wrong, links = [], {}
    for page in pages:
        browser.open(own + page)
        seen = browser.value(LOOK)
        links[page] = {link.removeprefix(own) or "index.html" for link in seen["links"] if link.startswith(own)}
        wrong += [f"{page}: {what}" for what in (*browser.complaints(own), *seen["wrong"])]
        if pictures is not None:
            browser.picture(pictures / f"{page.removesuffix('.html').replace('/', '-')}.png")
    first = links["index.html"]
    near = first.union({"index.html"}, *(links.get(page, set()) for page in first))
    return wrong + [f"{page}: is more than two clicks from the first page" for page in pages if page not in near]


def search(browser: Browser, own: str) -> list[str]:
    """Search for the names of other tools; what is not found."""
    wrong = []
    for word, page in SEARCHED.items():
        browser.open(f"{own}search.html?q={word}")
        found = browser.value(FOUND)
        wrong += [f"search for {word}: {what}" for what in browser.complaints(own)]
        if not any(f"{page}.html" in link for link in found[:10]):
            wrong.append(f"search for {word}: {page} is not among the first ten of {len(found)}")
    return wrong


def main() -> int:
    options = argparse.ArgumentParser(description="Walk the built pages in a browser.")
    options.add_argument("--all", action="store_true", help="the pages of single classes and functions too")
    options.add_argument("--pictures", type=Path, help="a folder for what the pages look like")
    given = options.parse_args()
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        print("browse: skipped, there is no Chromium here")
        return 0
    if given.pictures is not None:
        given.pictures.mkdir(parents=True, exist_ok=True)
    left_out = ("_", "search.html") if given.all else ("_", "search.html", "api/", "genindex", "py-modindex")
    pages = sorted(str(path.relative_to(BUILT)) for path in BUILT.rglob("*.html"))
    pages = [page for page in pages if not page.startswith(left_out)]
    handler = functools.partial(Quiet, directory=str(BUILT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        own = f"http://127.0.0.1:{server.server_port}/"
        browser = Browser(program)
        try:
            wrong = walk(browser, own, pages, given.pictures) + search(browser, own)
        finally:
            browser.close()
            server.shutdown()
    print("\n".join([f"browse: {len(pages)} pages, {len(SEARCHED)} searches, {len(wrong)} faults", *wrong]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
