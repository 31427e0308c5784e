/** Whether this is a step of a workflow, by the variable that CI systems set. People turn it off with `false` or `0`. */
export function isInCi(environment: Readonly<Record<string, string | undefined>>): boolean {
  return !['', 'false', '0'].includes(environment['CI'] ?? '');
}
