"""check_report.py PAGE [SECTION...]: the page is well-formed HTML with these sections (ids of its h2), holds all it shows (pictures
are data of the type they claim) and asks nothing of anybody. Prints what is wrong; exit 1."""
import base64, re, sys
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "line", "circle", "polyline", "link", "input", "hr"}
SIGNATURE = {"jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.sections, self.pictures, self.wrong, self.points = [], [], 0, [], 0
        self.of = {}  # the name of each picture
        self.hovers = []  # of each drawing, how many titles it has

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "script":
            self.wrong.append("a script")
        for name in ("src", "href"):
            if name in attrs and not attrs[name].startswith("data:image/"):
                self.wrong.append(f"{tag} loads {attrs[name][:60]}")
        if tag == "img":
            self.pictures += 1
            kind, data = re.fullmatch(r"data:image/(\w+);base64,(.*)", attrs["src"]).groups()
            if not base64.b64decode(data, validate=True).startswith(SIGNATURE[kind]):
                self.wrong.append(f"a picture that is no {kind}")
            if not attrs.get("alt"):
                self.wrong.append("a picture without alt text")
            if self.of.setdefault(data, attrs["alt"]) != attrs["alt"] and attrs["alt"] not in ("saliency map", "Grad-CAM"):
                self.wrong.append(f"{attrs['alt']} and {self.of[data]} are the same picture")
        if tag == "svg":
            self.hovers.append(0)
        if tag == "title" and "svg" in self.open:
            self.hovers[-1] += 1
        if tag == "text":
            self.wrong.append("text in a drawing: its size follows the drawing's")
        if tag == "polyline":
            self.points += len(attrs["points"].split())
            if not re.fullmatch(r"(-?[\d.]+,-?[\d.]+ ?)*", attrs["points"]):
                self.wrong.append("a line with points that are no numbers: " + attrs["points"][:60])
        if tag == "h2":
            self.sections.append(attrs.get("id"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")


text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
page.close()
wrong = page.wrong + [f"<{tag}> is never closed" for tag in page.open]
if page.sections != sys.argv[2:]:
    wrong.append(f"expected the sections {sys.argv[2:]}, got {page.sections}")
if not all(page.hovers):
    wrong.append(f"a chart without values to hover over: {page.hovers}")
for found in re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text):
    wrong.append(f"a control character: U+{ord(found):04X}")
if "url(" in text or "@import" in text:
    wrong.append("the style loads something")
if "prefers-color-scheme:dark" not in text:
    wrong.append("no style for the dark")
print("\n".join(wrong) if wrong else f"{page.pictures} pictures, {page.points} points, {sum(page.hovers)} to hover over")
sys.exit(bool(wrong))
