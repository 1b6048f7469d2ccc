"""Pictures of screens as small PNGs: at most 256 colours, found in the browser, packed here."""

from __future__ import annotations

import base64
import struct
import zlib

from playwright.sync_api import Browser

# Colours are rounded to five bits a channel; the most frequent are kept, the rest go to the
# nearest of them.
REDUCE = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
  const {width, height} = image;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  const counts = new Map();
  const five = (at, by) => pixels[at] >> 3 << by;
  const keyAt = (at) => five(at, 10) | five(at + 1, 5) | five(at + 2, 0);
  const sums = new Map();
  for (let at = 0; at < pixels.length; at += 4) {
    const key = keyAt(at);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    const exact = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
    const seen = sums.get(key) ?? sums.set(key, new Map()).get(key);
    seen.set(exact, (seen.get(exact) ?? 0) + 1);
  }
  const most = (map) => [...map].sort((one, other) => other[1] - one[1]);
  const kept = most(counts).slice(0, 256).map(([key]) => key);
  const palette = kept.map((key) => most(sums.get(key))[0][0]);
  const near = new Map(kept.map((key, index) => [key, index]));
  const indices = new Uint8Array(width * height);
  for (let at = 0; at < pixels.length; at += 4) {
    const key = keyAt(at);
    let index = near.get(key);
    if (index === undefined) {
      let best = Infinity;
      palette.forEach((colour, candidate) => {
        const far = (pixels[at] - (colour >> 16)) ** 2 + (pixels[at + 1] - (colour >> 8 & 255)) ** 2
          + (pixels[at + 2] - (colour & 255)) ** 2;
        if (far < best) { best = far; index = candidate; }
      });
      near.set(key, index);
    }
    indices[at / 4] = index;
  }
  let text = "";
  for (let at = 0; at < indices.length; at += 8192) {
    text += String.fromCharCode(...indices.subarray(at, at + 8192));
  }
  return {width, height, palette, indices: btoa(text)};
}"""


def small(browser: Browser, png: bytes) -> bytes:
    """The picture with a palette."""
    page = browser.new_page()
    found = page.evaluate(REDUCE, base64.b64encode(png).decode())
    page.close()
    width, height, indices = found["width"], found["height"], base64.b64decode(found["indices"])
    # A leading 0 of each line: it is stored as it is, which packs best with a palette.
    lines = b"".join(b"\0" + indices[at : at + width] for at in range(0, width * height, width))
    colours = b"".join(colour.to_bytes(3, "big") for colour in found["palette"])
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, body)
        for kind, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", colours),
            (b"IDAT", zlib.compress(lines, 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
