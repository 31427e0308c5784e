import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { MESSAGES_FILE, messagesText } from '../scripts/messages.ts';

test('test/messages.txt has every message; npm run messages writes it', () => {
  const text = messagesText();
  expect(readFileSync(MESSAGES_FILE, 'utf8')).toBe(text);
  // From the command line, from Azure, from a VM.
  expect(text).toMatch(/^ {2}Unknown command "\{verb\}"$/m);
  expect(text).toMatch(/^ {2}Not signed in to Azure\. Tried:/m);
  expect(text).toMatch(/^ {2}a job with that id already exists$/m);
});

test('messages keep to the style', () => {
  const lines = messagesText().split('\n');
  const messages = lines.filter((line) => line.startsWith('  ')).map((line) => line.slice(2));
  const text = messages.filter((line) => !line.includes('\\n') && !/^(azlin |~\.|↑|PS1|\[)/.test(line));
  expect(text.length).toBeGreaterThan(1_000);
  expect(text.filter((line) => /[a-z"] {2,}[a-z"]/i.test(line))).toEqual([]);
  expect(text.filter((line) => line.endsWith('!'))).toEqual([]);
  // What nobody would say; house style has the plain words for each.
  const odd =
    /its time was up|can be asked here|is missing: azlin|more than nothing|(?<!there )\bis no\b|count(s)? more\b|afresh|as by default/i;
  expect(messages.filter((line) => odd.test(line))).toEqual([]);
});
