// Cuts text for a tokenizer whose work grows with the square of an unbroken run: a hundred thousand letters without a
// space would hold it for half a minute. Cuts where no token can lie, before a space, and only where a run has none
// cuts through it.

/** Longest piece, in characters. */
export const MAX_PIECE_CHARS = 512;

/** The pieces of a text, in order. */
export function* textPieces(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const end = pieceEnd(text, start);
    yield text.slice(start, end);
    start = end;
  }
}

function pieceEnd(text: string, start: number): number {
  const limit = start + MAX_PIECE_CHARS;
  if (limit >= text.length) return text.length;
  for (let at = limit; at > start; at -= 1) {
    // A space begins a token with the word behind it; one among several may not.
    if (text[at] === " " && text[at - 1] !== " ") return at;
  }
  const isHalf = /[\ud800-\udbff]/.test(text[limit - 1] ?? "");
  return isHalf ? limit - 1 : limit;
}
