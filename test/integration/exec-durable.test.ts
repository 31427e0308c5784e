import { execContract } from '../support/exec-contract.ts';

execContract('always');
