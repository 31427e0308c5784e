import type { Questions } from '../../domain/caller.ts';

interface Timer {
  stop(): void;
  goOn(): void;
}

/** The same questions, during which no time passes. */
export function untimed(questions: Questions | undefined, timer: Timer): Questions | undefined {
  return (
    questions && {
      ...questions,
      async confirm(question) {
        timer.stop();
        try {
          return await questions.confirm(question);
        } finally {
          timer.goOn();
        }
      },
    }
  );
}
