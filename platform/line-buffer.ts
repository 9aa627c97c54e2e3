// Collects lines and writes them together, because a system call per line costs a busy server more than the
// line. Refuses to hold anything for long, or past the end of the process.

/** Lines wait this long at most. */
export const MAX_WAIT_MS = 50;
/** More text than this does not wait. */
export const MAX_HELD_CHARS = 16 * 1024;

/** A writer of lines that passes them on in batches; what is held at exit is written then. */
export function bufferLines(write: (text: string) => void): (line: string) => void {
  let held = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (held === "") return;
    const text = held;
    held = "";
    write(text);
  };
  process.on("exit", flush);
  return (line) => {
    held += line;
    if (held.length > MAX_HELD_CHARS) return flush();
    timer ??= setTimeout(flush, MAX_WAIT_MS);
  };
}
