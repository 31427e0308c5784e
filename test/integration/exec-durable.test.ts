import { execContract } from '../support/exec-contract.ts';

// exec.test.ts takes the shortcuts.
execContract('always', { AZLIN_SHORTCUTS: 'none' });
