/*
 * Everything that needs ssh2, as one module that is loaded while the server is being reached.
 */
export { attempt } from './ssh2-attempt.ts';
export { signIn } from './ssh2-auth.ts';
export { parsePrivateKey } from './ssh2-keys.ts';
