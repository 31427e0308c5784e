/*
 * What needs ssh2, in one piece: it is loaded while the server is being reached.
 */
export { attempt } from './ssh2-attempt.ts';
export { signIn } from './ssh2-auth.ts';
export { parsePrivateKey } from './ssh2-keys.ts';
