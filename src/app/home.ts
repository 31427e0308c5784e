import { userInfo } from 'node:os';

/** The home directory of the user. An empty HOME counts as unset. */
export function homeOf(environment: Readonly<Record<string, string | undefined>>): string {
  if (environment['HOME']) return environment['HOME'];
  try {
    return userInfo().homedir;
  } catch {
    // The user id has no name, as in some containers.
    return '/';
  }
}
