// A caller's JSON Schema → the part of it that Gemini takes. What has an equal form there gets it; what has none
// is left out and listed, so that the caller hears of it. Refuses to change what a schema still says.

import { isJsonObject, type Json, type JsonObject } from "#wire";

/** A schema as sent, and the keywords it lost. */
export interface ReducedSchema {
  readonly schema: JsonObject;
  readonly lost: ReadonlySet<string>;
}

// Source: `responseJsonSchema` of the API reference.
const TAKEN: ReadonlySet<string> = new Set([
  "$anchor",
  "$id",
  "type",
  "format",
  "title",
  "description",
  "enum",
  "minItems",
  "maxItems",
  "minimum",
  "maximum",
  "required",
  "propertyOrdering",
]);

/** Keywords that say nothing about the value; left out without a word. */
const SILENT: ReadonlySet<string> = new Set([
  "$schema",
  "$comment",
  "$vocabulary",
  "deprecated",
  "examples",
  "readOnly",
  "writeOnly",
]);

class Reducer {
  readonly lost = new Set<string>();

  reduce(schema: Json | undefined): JsonObject {
    if (!isJsonObject(schema)) {
      if (schema === false) this.lost.add("false");
      return {};
    }
    if (typeof schema.$ref === "string") return this.#reference(schema, schema.$ref);
    const reduced: JsonObject = {};
    for (const [key, value] of Object.entries(this.#flat(schema))) {
      if (value !== undefined) this.#keyword(key, value, reduced);
    }
    return reduced;
  }

  /** A reference may have no siblings but definitions. */
  #reference(schema: JsonObject, target: string): JsonObject {
    const reduced: JsonObject = { $ref: target.replace(/^#\/definitions\//, "#/$defs/") };
    for (const [key, value] of Object.entries(schema)) {
      if (key === "$defs" || key === "definitions") this.#keyword(key, value ?? {}, reduced);
      else if (key !== "$ref" && !SILENT.has(key)) this.lost.add(`${key} beside $ref`);
    }
    return reduced;
  }

  /** `allOf` with one member says what the member says. */
  #flat({ allOf, ...schema }: JsonObject): JsonObject {
    if (allOf === undefined) return schema;
    const only = Array.isArray(allOf) && allOf.length === 1 ? allOf[0] : undefined;
    if (!isJsonObject(only) || Object.keys(only).some((key) => key in schema)) {
      return { ...schema, allOf };
    }
    return this.#flat({ ...schema, ...only });
  }

  #keyword(key: string, value: Json, into: JsonObject): void {
    switch (key) {
      case "$defs":
      case "definitions":
        into.$defs = { ...(isJsonObject(into.$defs) && into.$defs), ...this.#each(value) };
        return;
      case "properties":
        into.properties = this.#each(value);
        return;
      case "items":
        // Draft 7 writes tuples here.
        if (Array.isArray(value)) into.prefixItems = this.#list(value);
        else into.items = this.reduce(value);
        return;
      case "anyOf":
      case "oneOf":
      case "prefixItems":
        if (Array.isArray(value)) into[key] = this.#list(value);
        return;
      case "additionalProperties":
        into[key] = typeof value === "boolean" ? value : this.reduce(value);
        return;
      case "const":
        into.enum = [value];
        return;
      default:
        if (TAKEN.has(key)) into[key] = value;
        else if (!SILENT.has(key)) this.lost.add(key);
    }
  }

  #list(schemas: readonly Json[]): JsonObject[] {
    return schemas.map((schema) => this.reduce(schema));
  }

  #each(schemas: Json): JsonObject {
    if (!isJsonObject(schemas)) return {};
    const entries = Object.entries(schemas).map(([name, schema]) => [name, this.reduce(schema)]);
    // fromEntries, unlike assignment, makes `__proto__` an ordinary name.
    return Object.fromEntries(entries);
  }
}

/** Reduces one schema. */
export function reduceSchema(schema: JsonObject): ReducedSchema {
  const reducer = new Reducer();
  return { schema: reducer.reduce(schema), lost: reducer.lost };
}
