#!/usr/bin/env python3
"""weights_server.py FILE PORT_FILE LOG: a server of one file on 127.0.0.1, with the faults of real ones.

The first part of an address chooses the fault: http://127.0.0.1:PORT/cut/anything.pth. The port goes into PORT_FILE. LOG gets a
line for each request: the fault, and the Range header or -.

  ok          serves the file; ranges, too        norange     ignores ranges
  cut         breaks after 5 MB of each answer    nolength    announces no length
  cutnolength breaks so, no length announced      stingy      breaks after 1,000 bytes of each answer
  long        announces 1,000 bytes too many      short       announces 1,000 bytes too few
  wrong       changes one byte                    otherrange  answers a range with another one
  404, 500    says so                             busy        says 503 twice, then serves
  loop        redirects to itself                 http        redirects to /ok/
  hang        sends no byte of the file           stall       sends 5 MB, then nothing
  endless     sends bytes for ever                huge        announces 10^11 bytes
  empty       sends nothing, and says so          page        sends a page of text instead
  noise       does not speak HTTP                 slow        sends 6 MB a second
"""
import http.server
import os
import re
import sys
import threading
import time

with open(sys.argv[1], "rb") as file:
    DATA = file.read()
PIECE = 5 << 20
lock = threading.Lock()
counts = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, length, **headers):
        self.send_response(code)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def send_slowly(self, data):
        for at in range(0, len(data), 300000):
            self.wfile.write(data[at:at + 300000])
            time.sleep(0.05)

    def do_GET(self):
        fault = self.path.split("/")[1]
        asked = self.headers.get("Range", "-")
        with lock:
            counts[fault] = counts.get(fault, 0) + 1
            number = counts[fault]
            with open(sys.argv[3], "a") as log:
                log.write(f"{fault} {asked}\n")
        try:
            self.serve(fault, asked, number)
        except OSError:
            pass  # the program went away

    def serve(self, fault, asked, number):
        if fault in ("404", "500"):
            return self.answer(int(fault), 0)
        if fault == "busy" and number <= 2:
            return self.answer(503, 0)
        if fault in ("loop", "http"):
            to = self.path if fault == "loop" else "/ok/" + self.path.split("/", 2)[2]
            return self.answer(302, 0, Location=f"http://127.0.0.1:{self.server.server_port}{to}")
        if fault == "noise":
            self.wfile.write(b"220 ready\r\n" * 20)
            self.close_connection = True
            return None
        if fault == "page":
            page = b"<html>Log in to use this network.</html>"
            self.answer(200, len(page))
            return self.wfile.write(page)
        if fault in ("empty", "huge"):
            self.answer(200, 0 if fault == "empty" else 10**11)
            return fault == "empty" or self.wfile.write(DATA)
        if fault == "endless":
            self.answer(200, None)
            while True:
                self.wfile.write(DATA[:1 << 20])
        return self.serve_bytes(fault, asked)

    def serve_bytes(self, fault, asked):
        start = int(re.fullmatch(r"bytes=(\d+)-", asked).group(1)) if asked != "-" else 0
        if fault == "norange":
            start = 0
        if start > len(DATA) or (start and start == len(DATA)):
            return self.answer(416, 0, Content_Range=f"bytes */{len(DATA)}")
        data = DATA[start:]
        if fault == "wrong":
            data = data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:]
        length = len(data) + {"long": 1000, "short": -1000}.get(fault, 0)
        where = {"Content_Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"} if start else {}
        if start and fault == "otherrange":
            where = {"Content_Range": f"bytes {start - 1}-{len(DATA) - 1}/{len(DATA)}"}
        self.answer(206 if start else 200, None if "nolength" in fault else length, **where)
        if fault == "hang":
            time.sleep(60)
        elif fault == "stall":
            self.wfile.write(data[:PIECE])
            time.sleep(60)
        elif fault == "slow":
            self.send_slowly(data)
        elif fault.startswith("cut"):
            self.wfile.write(data[:PIECE])
        elif fault == "stingy":
            self.wfile.write(data[:1000])
        else:
            self.wfile.write(data[:length])
        return None


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(sys.argv[2] + ".new", "w") as port:
    port.write(str(server.server_port))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
