import { randomBytes } from 'node:crypto';

/** Output that the runner takes as text, whatever it contains. */
export interface Verbatim {
  write(data: string | Uint8Array): void;
  end(): void;
}

/** Writes commands for the runner. All other output goes through `verbatim`: a VM could print such commands too. */
export interface WorkflowLog {
  mask(value: string): void;
  notice(message: string): void;
  error(title: string, message: string): void;
  group(title: string): void;
  endGroup(): void;
  /** Until its `end` is called, the runner takes every line as text. */
  verbatim(): Verbatim;
  /** Writes one text as it is. */
  text(data: string | Uint8Array): void;
}

export function workflowLog(output: (data: string | Uint8Array) => void): WorkflowLog {
  let isAtStart = true;
  const write = (data: string | Uint8Array) => {
    if (data.length === 0) return;
    output(data);
    isAtStart = typeof data === 'string' ? data.endsWith('\n') : data.at(-1) === 10;
  };
  // The runner sees a command only at the start of a line.
  const command = (text: string) => write(`${isAtStart ? '' : '\n'}${text}\n`);
  const verbatim = (): Verbatim => {
    // Nobody on a VM can know the token that ends it.
    const token = randomBytes(16).toString('hex');
    command(`::stop-commands::${token}`);
    return { write, end: () => command(`::${token}::`) };
  };
  return {
    mask(value) {
      // Masking these would fill the log with stars, and they give nothing away.
      const isHarmless = (line: string) => line.length < 3 || /^(true|false|yes|no|none|null|\d{1,5})$/i.test(line);
      for (const line of value.split(/\r?\n/).map((one) => one.trim()))
        if (!isHarmless(line)) command(`::add-mask::${data(line)}`);
    },
    notice: (message) => command(`::notice::${data(message)}`),
    error: (title, message) => command(`::error title=${property(title)}::${data(message)}`),
    group: (title) => command(`::group::${data(title)}`),
    endGroup: () => command('::endgroup::'),
    verbatim,
    text(said) {
      const section = verbatim();
      section.write(said);
      section.end();
    },
  };
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** The lines that set `name` in one of the runner's environment files, whatever the value contains. */
export function environmentFileEntry(name: string, value: string): string {
  const end = `end_${randomBytes(16).toString('hex')}`;
  return `${name}<<${end}\n${value}\n${end}\n`;
}
