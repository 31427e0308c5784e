import { execContract } from '../support/exec-contract.ts';

execContract('never', { AZLIN_PERSIST: '10m' });
