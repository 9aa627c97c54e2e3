// A process that plays the clients. Reads jobs as JSON lines on stdin, answers one line each (two, where something is
// measured in between), ends with stdin.

import { BenchError } from "./bench-error.ts";
import { abort } from "./load/abort.ts";
import { closedLoop } from "./load/closed-loop.ts";
import { openStreams } from "./load/open-streams.ts";
import { stall } from "./load/stall.ts";
import { LoadJob } from "./load-job.ts";

function tell(message: object): void {
  console.log(JSON.stringify(message));
}

function run(job: LoadJob): Promise<object> {
  switch (job.kind) {
    case "closed-loop":
      return closedLoop(job);
    case "open-streams":
      return openStreams(job, tell);
    case "abort":
      return abort(job);
    case "stall":
      return stall(job, tell);
  }
}

tell({ ready: true });
for await (const line of console) {
  const job = LoadJob.safeParse(JSON.parse(line));
  if (!job.success) throw new BenchError("bad_answer", `not a job: ${job.error.message}`);
  tell(await run(job.data));
}
process.exit(0);
