// The operator's policy as it is configured: rules in order, each with whom it is for and one thing that it does.

import { z } from "zod";
import { MAX_GLOB_CHARS } from "./glob.ts";
import { SPOKEN_FORMATS } from "./key-rules.ts";

const Patterns = z.array(z.string().min(1).max(MAX_GLOB_CHARS));
const Globs = Patterns.min(1);

/** One rule; what is left out of the conditions covers everything. */
const PolicyRule = z
  .strictObject({
    models: Globs.optional().describe("Globs over provider/model and the bare id."),
    providers: Globs.optional().describe("Globs over provider ids."),
    keys: Globs.optional().describe("Globs over names of keys; owner is the gateway's token."),
    formats: z.array(z.enum(SPOKEN_FORMATS)).min(1).optional(),
    deny: z.string().min(1).optional().describe("Refuse, and say this."),
    rewriteModel: z.string().min(1).optional().describe("Serve this model instead."),
    tools: z
      .strictObject({ allow: Patterns.default(["*"]), deny: Patterns.default([]) })
      .optional()
      .describe("Take out the tools that allow does not cover, or deny covers."),
    strict: z.literal(true).optional().describe("Refuse a translation that would lose anything."),
  })
  .refine(
    ({ deny, rewriteModel, tools, strict }) =>
      [deny, rewriteModel, tools, strict].filter((action) => action !== undefined).length === 1,
    { error: "a rule does exactly one of deny, rewriteModel, tools and strict" },
  );
/** See the schema. */
export type PolicyRule = z.infer<typeof PolicyRule>;

/** The `gateway.policy` section. */
export const PolicyConfig = z.array(PolicyRule);
