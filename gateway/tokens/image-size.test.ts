// Sizes are read from headers as the four formats write them.

import { expect, test } from "bun:test";
import { imageSize } from "./image-size.ts";

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");
const ascii = (text: string) => Buffer.from(text, "latin1").toString("hex");

const images: readonly (readonly [string, string])[] = [
  ["png", `89504e470d0a1a0a 0000000d ${ascii("IHDR")} 00000280 000001e0 0802`],
  ["gif", `${ascii("GIF89a")} 8002 e001 f70000`],
  ["jpeg", "ffd8 ffe0 0010 4a46494600010100000100010000 ffc0 0011 08 01e0 0280 03"],
  ["a progressive jpeg", "ffd8 ffc4 0004 0000 ffc2 0011 08 01e0 0280 03"],
  ["lossy webp", `${ascii("RIFF")} 00000000 ${ascii("WEBPVP8 ")} 00000000 000000 9d012a 8002 e001`],
  ["lossless webp", `${ascii("RIFF")} 00000000 ${ascii("WEBPVP8L")} 00000000 2f 7fc2 7700`],
  [
    "extended webp",
    `${ascii("RIFF")} 00000000 ${ascii("WEBPVP8X")} 0a000000 10000000 7f0200 df0100`,
  ],
];

test.each(images)("%s", (_name, hex) => {
  expect(imageSize(bytes(hex))).toEqual({ width: 640, height: 480 });
});

test("what is cut short, endless or nothing of the kind has no size", () => {
  for (const [, hex] of images) {
    const whole = bytes(hex);
    for (let length = 0; length < 10; length += 1) {
      expect(imageSize(whole.subarray(0, length))).toBeUndefined();
    }
  }
  expect(imageSize(bytes("ffd8 ffe0 0000 ffff"))).toBeUndefined();
  expect(imageSize(Buffer.from("<svg width='1' height='2'/>        "))).toBeUndefined();
});
