"""check_layout.py [--pictures FOLDER] PAGE...: in a browser, at 390, 768 and 1400 px, light and dark, each page is as wide as its
window, no text is smaller than 10 px, cut, covered by other text or too faint, and charts have values under the pointer.
Prints what is wrong; exit 1. Exit 77: no Chromium here. It is driven through a pair of pipes (DevTools protocol); nothing is loaded
from anywhere. --pictures: also PNGs of the whole pages."""
import base64, json, os, shutil, subprocess, sys, tempfile

WIDTHS = (390, 768, 1400)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# Runs in the page. Boxes of texts come from ranges: an element's own box says nothing of text that overflows it.
LOOK = r"""(() => {
  const wrong = [], texts = [], name = e => e.tagName + "." + (e.getAttribute("class") || "");
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let smallest = 1e9;
  for (let t; (t = walk.nextNode());) {
    const e = t.parentElement, style = getComputedStyle(e);
    if (!t.data.trim() || e.tagName == "title" || !e.checkVisibility()) continue;
    const svg = e.getScreenCTM?.(), scale = svg ? Math.min(Math.abs(svg.a), Math.abs(svg.d)) : 1;
    smallest = Math.min(smallest, parseFloat(style.fontSize) * scale);
    const range = document.createRange();
    range.selectNodeContents(t);
    for (const box of range.getClientRects()) {
      if (box.left < 0 || box.right > innerWidth + 0.5)
        wrong.push(`"${t.data.trim().slice(0, 40)}" leaves the page: ${box.left} to ${box.right}`);
      texts.push([box, t.data.trim().slice(0, 40), e]);
    }
    for (let p = e; p; p = p.parentElement)
      if (getComputedStyle(p).overflowX != "visible" && p.scrollWidth > p.clientWidth)
        wrong.push(`${name(p)} cuts "${t.data.trim().slice(0, 40)}"`);
  }
  texts.sort((a, b) => a[0].top - b[0].top);
  for (let i = 0; i < texts.length; i++)
    for (let j = i + 1; j < texts.length && texts[j][0].top < texts[i][0].bottom; j++) {
      const a = texts[i][0], b = texts[j][0];
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (x > 1 && y > 0.4 * Math.min(a.height, b.height))
        wrong.push(`"${texts[i][1]}" and "${texts[j][1]}" cover each other`);
    }

  /* Contrast as WCAG 2 has it, against the backgrounds behind the text, blended. */
  const parse = c => { const v = c.match(/[\d.]+/g).map(Number); return v.length > 3 ? v : [...v, 1]; };
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const seen = new Set();
  let faintest = 99;
  for (const [, text, e] of texts) {
    if (seen.has(e)) continue;
    seen.add(e);
    const behind = [];
    for (let p = e; p; p = p.parentElement) behind.push(parse(getComputedStyle(p).backgroundColor));
    let back = [255, 255, 255];
    for (const c of behind.reverse()) back = back.map((v, i) => v * (1 - c[3]) + c[i] * c[3]);
    const a = light(parse(getComputedStyle(e).color)) + 0.05, b = light(back) + 0.05;
    const contrast = Math.max(a, b) / Math.min(a, b);
    faintest = Math.min(faintest, contrast);
    if (contrast < 4) wrong.push(`"${text}" hardly stands out: ${contrast.toFixed(1)}`);
  }
  for (const drawing of document.querySelectorAll("svg")) {
    drawing.scrollIntoView({block: "center"});
    const box = drawing.getBoundingClientRect();
    for (const share of [0.01, 0.3, 0.99]) {
      const e = document.elementFromPoint(box.left + share * box.width, box.top + box.height / 2);
      if (!/ \d+: .+ -?\d| \d+ %: \d+ image/.test(e?.querySelector("title")?.textContent))
        wrong.push(`no value to hover over at ${share} of "${drawing.getAttribute("aria-label")}"`);
    }
  }
  const root = document.documentElement;
  if (root.scrollWidth != innerWidth) wrong.push(`scrollWidth ${root.scrollWidth}, innerWidth ${innerWidth}`);
  if (smallest < 10) wrong.push(`text of ${smallest} px`);
  return {wrong, smallest, faintest, width: innerWidth, height: root.scrollHeight};
})()"""


class Browser:
    def __init__(self, program, profile):
        to_read, self.to = os.pipe()
        self.of, of_write = os.pipe()

        def ends_at_3_and_4():  # the numbers that --remote-debugging-pipe reads and writes
            a, b = os.dup(to_read), os.dup(of_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             f"--user-data-dir={profile}", "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking"],
            preexec_fn=ends_at_3_and_4, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(of_write)
        self.text, self.count, self.session = b"", 0, None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def message(self):
        while b"\0" not in self.text:
            more = os.read(self.of, 1 << 20)
            if not more:
                raise SystemExit("the browser ended")
            self.text += more
        one, self.text = self.text.split(b"\0", 1)
        return json.loads(one)

    def ask(self, method, **params):
        self.count += 1
        request = {"id": self.count, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        while True:
            answer = self.message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def value(self, script):
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise SystemExit(str(result["exceptionDetails"])[:600])
        return result["result"].get("value")

    def open(self, page):
        self.ask("Page.navigate", url="file://" + os.path.abspath(page))
        while self.value("location.href + document.readyState") != self.value("location.href") + "complete" \
                or self.value("location.href") == "about:blank":
            pass

    def close(self):
        self.session = None
        self.ask("Browser.close")
        self.process.wait()


def look(browser, page, folder):
    wrong = 0
    browser.open(page)
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            got = browser.value(LOOK)
            print(f"{page}: {width} px, {scheme}: {got['width']} wide, smallest text {got['smallest']} px, "
                  f"least contrast {got['faintest']:.1f}")
            for line in got["wrong"][:12]:
                print(f"    {line}")
            wrong += len(got["wrong"])
            if folder:
                clip = {"x": 0, "y": 0, "width": width, "height": min(got["height"], 12000), "scale": 1}
                png = browser.ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
                name = os.path.splitext(page)[0].replace("/", "-")
                with open(os.path.join(folder, f"{name}-{width}-{scheme}.png"), "wb") as file:
                    file.write(base64.b64decode(png))
    return wrong


def main(arguments):
    folder = None
    if arguments[:1] == ["--pictures"]:
        folder, arguments = arguments[1], arguments[2:]
    program = next((path for path in map(shutil.which, NAMES) if path), None)
    if not program:
        print("skipped: no Chromium to lay the page out with")
        return 77
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(program, profile)
        try:
            wrong = sum([look(browser, page, folder) for page in arguments])
            browser.close()
        finally:
            browser.process.kill()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
