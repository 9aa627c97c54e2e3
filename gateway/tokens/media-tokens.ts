// What images and documents are taken to cost, by the rules that Anthropic publishes. A rule, not a measurement:
// counts that hold one are marked as estimated like all of ours.

import type { MediaSource } from "#wire";
import { imageSize } from "./image-size.ts";

/** Pixels that cost one token. */
export const PIXELS_PER_TOKEN = 750;
/** Larger images are scaled down to this edge before they are read. */
export const MAX_IMAGE_EDGE = 1_568;
/** Most tokens of one image; also what one costs whose size is unknown, as behind a URL. */
export const MAX_IMAGE_TOKENS = 1_600;
/** One page of a PDF, its text and its picture together. */
export const PAGE_TOKENS = 2_250;

/** Header bytes in base64 that are looked at for an image's size; metadata may come first. */
const MAX_HEADER_CHARS = 256 * 1024;

/** Tokens of an image. */
export function imageTokens(source: MediaSource): number {
  if (source.from !== "base64") return MAX_IMAGE_TOKENS;
  const size = imageSize(Buffer.from(source.data.slice(0, MAX_HEADER_CHARS), "base64"));
  if (!size) return MAX_IMAGE_TOKENS;
  const scale = Math.min(1, MAX_IMAGE_EDGE / Math.max(size.width, size.height));
  const pixels = size.width * scale * size.height * scale;
  return Math.min(MAX_IMAGE_TOKENS, Math.max(1, Math.ceil(pixels / PIXELS_PER_TOKEN)));
}

/** Tokens of a document that is no text: its pages, as far as they can be told; at least one. */
export function documentTokens(source: MediaSource): number {
  if (source.from !== "base64") return PAGE_TOKENS;
  const pages = Buffer.from(source.data, "base64")
    .toString("latin1")
    .match(/\/Type\s*\/Page\b/g);
  return PAGE_TOKENS * Math.max(1, pages?.length ?? 0);
}
