// A foreign program, run to its end: nothing on its stdin, its output bounded by its own end or by time. It is the head
// of a process group, so that what it started ends with it.

/** What to run. */
export interface Program {
  readonly argv: readonly string[];
  /** Its whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs: number;
  /** Ends it at once, with everything that it started. */
  readonly signal: AbortSignal;
}

/** How it ended. */
export interface Ended {
  /** 127 when it could not be started, 124 when its time was up, 130 when it was to end. */
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `program`; never throws. */
export async function runProgram(program: Program): Promise<Ended> {
  const { argv, env, cwd, timeoutMs, signal } = program;
  if (signal.aborted) return { code: 130, out: "", err: "" };
  try {
    const child = Bun.spawn([...argv], {
      cwd,
      env: { ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    const end = () => endGroup(child.pid);
    signal.addEventListener("abort", end);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, timeoutMs);
    const [out, err, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    const late = isLate ? `\nstopped after ${timeoutMs / 1_000} s` : "";
    return { code: isLate ? 124 : code, out, err: err + late };
  } catch (error) {
    return { code: 127, out: "", err: error instanceof Error ? error.message : String(error) };
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
