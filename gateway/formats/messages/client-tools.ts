// Anthropic's tools that the caller runs (bash, text editor, memory, computer) as plain functions, for models of other
// makers: Claude knows their input by heart, others need it written down. Calls come back under the same name with the
// same input, which is all that a caller looks at. Refuses the toolsets that only Anthropic can unfold.

import type { Json, JsonObject, Tool } from "#wire";

type Schema = Readonly<Record<string, Json>>;

interface ClientTool {
  /** The name calls go by; the API fixes it for each type. */
  readonly name: string;
  readonly description: string;
  readonly properties: Schema;
  readonly required: readonly string[];
}

const text = (description: string): Json => ({ type: "string", description });
const integer = (description: string): Json => ({ type: "integer", description });
const words = (...values: string[]): Json => ({ type: "string", enum: values });
const integers = (count: number, description: string): Json => ({
  type: "array",
  items: { type: "integer" },
  minItems: count,
  maxItems: count,
  description,
});

const PATH = text("Absolute path of the file or directory.");
const VIEW_RANGE = integers(2, "First and last line to view; -1 is the end. Only for view.");
const FILE_TEXT = text("Content of the new file. Only for create, required there.");
const OLD_TEXT = text(
  "Text to replace, exactly and only once in the file. Required for str_replace.",
);
const NEW_TEXT = text("Text in its place. Only for str_replace.");
const INSERT_LINE = integer("Line after which to insert; 0 is the beginning. Required for insert.");
const INSERT_TEXT = text("Text to insert. Required for insert.");

function editor(name: string, { hasUndo = false, hasInsertText = false } = {}): ClientTool {
  const undo = hasUndo ? ["undo_edit"] : [];
  return {
    name,
    description: "Views, creates and edits files.",
    properties: {
      command: words("view", "create", "str_replace", "insert", ...undo),
      path: PATH,
      view_range: VIEW_RANGE,
      file_text: FILE_TEXT,
      old_str: OLD_TEXT,
      new_str: hasInsertText ? NEW_TEXT : text("Text in its place, or to insert."),
      insert_line: INSERT_LINE,
      ...(hasInsertText && { insert_text: INSERT_TEXT }),
    },
    required: ["command", "path"],
  };
}

const BASH: ClientTool = {
  name: "bash",
  description: "Runs a command in a shell that stays open between calls.",
  properties: {
    command: text("The command to run; required unless restart is true."),
    restart: { type: "boolean", description: "True starts the shell anew." },
  },
  required: [],
};

const MEMORY: ClientTool = {
  name: "memory",
  description: "Keeps notes in files under /memories that later conversations can read.",
  properties: {
    command: words("view", "create", "str_replace", "insert", "delete", "rename"),
    path: text("Path under /memories. Required but for rename."),
    view_range: VIEW_RANGE,
    file_text: FILE_TEXT,
    old_str: OLD_TEXT,
    new_str: NEW_TEXT,
    insert_line: INSERT_LINE,
    insert_text: INSERT_TEXT,
    old_path: text("Path before. Required for rename."),
    new_path: text("Path afterwards. Required for rename."),
  },
  required: ["command"],
};

const FIRST_ACTIONS = [
  "key",
  "type",
  "mouse_move",
  "left_click",
  "left_click_drag",
  "right_click",
  "middle_click",
  "double_click",
  "screenshot",
  "cursor_position",
];
const LATER_ACTIONS = [
  ...FIRST_ACTIONS,
  "left_mouse_down",
  "left_mouse_up",
  "triple_click",
  "scroll",
  "hold_key",
  "wait",
];

function computer(raw: JsonObject, actions: readonly string[]): ClientTool {
  const { display_width_px: width, display_height_px: height } = raw;
  const isLater = actions !== FIRST_ACTIONS;
  const isSized = typeof width === "number" && typeof height === "number";
  const size = isSized ? ` of ${width} by ${height} pixels` : "";
  return {
    name: "computer",
    description: `Looks at and works a screen${size} with mouse and keyboard.`,
    properties: {
      action: words(...actions),
      coordinate: integers(2, "x and y in pixels from the upper left, for mouse actions."),
      text: text("Text to type, or the key or keys, such as ctrl+s."),
      ...(isLater && {
        start_coordinate: integers(2, "Where a drag begins."),
        scroll_direction: words("up", "down", "left", "right"),
        scroll_amount: integer("How far to scroll, in clicks of the wheel."),
        duration: { type: "number", description: "Seconds, for hold_key and wait." },
      }),
      ...(actions.includes("zoom") && {
        region: integers(4, "x0, y0, x1 and y1 of what to zoom into."),
      }),
    },
    required: ["action"],
  };
}

/** As the vendor's pages of each tool, and its SDK 1.x, describe their input. */
const BY_TYPE: Readonly<Record<string, (raw: JsonObject) => ClientTool>> = {
  bash_20241022: () => BASH,
  bash_20250124: () => BASH,
  text_editor_20241022: () => editor("str_replace_editor", { hasUndo: true }),
  text_editor_20250124: () => editor("str_replace_editor", { hasUndo: true }),
  text_editor_20250429: () => editor("str_replace_based_edit_tool"),
  text_editor_20250728: () => editor("str_replace_based_edit_tool", { hasInsertText: true }),
  memory_20250818: () => MEMORY,
  computer_20241022: (raw) => computer(raw, FIRST_ACTIONS),
  computer_20250124: (raw) => computer(raw, LATER_ACTIONS),
  computer_20251124: (raw) =>
    computer(raw, raw.enable_zoom === true ? [...LATER_ACTIONS, "zoom"] : LATER_ACTIONS),
};

/** The tool as a function; undefined for types that the caller does not run, or that are not known. */
export function clientTool(type: string, raw: JsonObject, path: string): Tool | undefined {
  const make = Object.hasOwn(BY_TYPE, type) ? BY_TYPE[type] : undefined;
  if (!make) return undefined;
  const { name, description, properties, required } = make(raw);
  return {
    kind: "function",
    name,
    description,
    schema: { type: "object", properties: { ...properties }, required: [...required] },
    path,
  };
}
