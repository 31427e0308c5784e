import { userInfo } from 'node:os';

/** The home directory of the user; an empty HOME is as good as none. */
export function homeOf(environment: Readonly<Record<string, string | undefined>>): string {
  if (environment['HOME']) return environment['HOME'];
  try {
    return userInfo().homedir;
  } catch {
    // A number that no name belongs to, as in some containers.
    return '/';
  }
}
