export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof SHELLS)[number];

export function isShell(name: string): name is Shell {
  return (SHELLS as readonly string[]).includes(name);
}

/** The path of the script in this package. */
export function scriptPath(shell: Shell): string {
  return `completions/azlin.${shell === 'powershell' ? 'ps1' : shell}`;
}
