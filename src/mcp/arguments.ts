import type { z } from 'zod';
import { AppError } from '../domain/errors.ts';
import type { Tool } from './tool.ts';

/** The arguments of a call, with what is left out filled in. Throws `usage` with everything that is wrong with them. */
export function checkArguments(tool: Tool, args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const parsed = tool.input.safeParse(args, { reportInput: true });
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(describeIssue).join('; ');
  throw new AppError('usage', `Invalid arguments for ${tool.name}: ${wrong}`, {
    hint: `it takes ${Object.keys(tool.input.shape).join(', ') || 'none'}`,
  });
}

type Issue = z.core.$ZodIssue;

function describeIssue(issue: Issue): string {
  if (issue.code === 'unrecognized_keys')
    return `unknown argument${issue.keys.length === 1 ? '' : 's'} ${issue.keys.map((key) => `"${key}"`).join(', ')}`;
  return `"${issue.path.map(String).join('.')}" ${problemOf(issue)}`;
}

/** What things are called, by zod's names. */
const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

function problemOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'too_small':
      if (issue.origin === 'string') return 'is empty';
      return issue.inclusive ? `must be at least ${issue.minimum}` : `must be more than ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'string') return `must have at most ${issue.maximum} characters`;
      return `must be at most ${issue.maximum}`;
    default:
      return `is not valid: ${issue.message}`;
  }
}
