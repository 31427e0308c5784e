import type { ToolAnnotations } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import type { Caller } from '../domain/caller.ts';
import type { McpContext } from './context.ts';
import type { GuardPlace } from './guard.ts';
import type { PlacedAt } from './places.ts';
import type { ToolName } from './tool-names.ts';

/** One call of a tool. */
export interface ToolCall {
  readonly caller: Caller;
  readonly context: McpContext;
  /** What the client calls itself. */
  readonly client: string;
  /** Tells clients of one server apart, as far as the protocol lets it: the others only by their names. */
  readonly clientKey: string;
  /** Whether no other client has the same key. */
  readonly isToldApart: boolean;
  /** Milliseconds for which a command is followed, whatever the call asks for. */
  readonly followsAtMost: number;
  /** What the caller was warned of so far. */
  readonly warnings: readonly string[];
  /** Goes on only if the settings allow this call there; a person may be asked. Rejects with an AppError, or with what makes the client ask. */
  permit(at: PlacedAt): Promise<void>;
  /** Whether the settings forbid it there: for rows of lists. */
  isHidden(at: GuardPlace): boolean;
  /** Whether it has to be known which session a name really means. */
  readonly isAboutSessions: boolean;
}

export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  readonly name: ToolName;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly annotations: ToolAnnotations;
  /** Whether it waits for a command: where the client takes tasks, it becomes one if the command goes on. */
  readonly isTask?: boolean;
  run(args: z.output<Input>, call: ToolCall): Promise<z.input<Output>>;
}

/** Tools that only look; those that change something that can be changed again; those that end something. */
export const LOOKS: ToolAnnotations = { readOnlyHint: true, openWorldHint: true };
export const CHANGES: ToolAnnotations = { readOnlyHint: false, destructiveHint: false, openWorldHint: true };
export const ENDS: ToolAnnotations = { readOnlyHint: false, destructiveHint: true, openWorldHint: true };

/** Keeps the types of input and output together. An argument that it does not know is refused: one that is misspelt would do nothing. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(tool: Tool<Input, Output>): Tool {
  return { ...tool, input: tool.input.strict() };
}
